"""What must pass, the environments that it needs, and the demo; needs the standard library alone."""

# It makes the patch tool's modules importable in a clone, where the tool is not installed.
import testing  # noqa: F401
