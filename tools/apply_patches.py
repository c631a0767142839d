"""Run `apply-patches` from a bare clone, with a private environment where packages are missing."""

import sys

# A bare clone is started with whatever Python there is: it must read this far without a fault.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(f"{sys.executable} is older than Python 3.10; start this file with a newer one.")

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import venv
from importlib import metadata
from pathlib import Path

# The `dependencies` of pyproject.toml, which Python 3.10 cannot read; a test compares them.
DEPENDENCIES = (
    "click>=8.1",
    "filelock>=3.25",
    "gitpython>=3.1",
    "packaging>=24.0",
    "tomlkit>=0.13",
    "tomli>=2.0; python_version < '3.11'",
    "tqdm>=4.66",
    "unidiff>=0.7.5",
)
CANNOT_WRITE = 6
INTERRUPTED = 130
# Set before the restart, so that an environment without the packages is not started for ever.
RESTARTED = "SPECROLL_RESTARTED"


def main() -> None:
    """Run the tool here where it can be imported, else in its private environment."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    if not _is_complete():
        try:
            _restart_in(_private_environment())
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
    from specroll import cli

    cli.main()


def _is_complete() -> bool:
    return all(_is_met(requirement) for requirement in _requirements())


def _requirements() -> list[str]:
    """Return the dependencies of this Python."""
    split = (requirement.partition("; python_version < '3.11'") for requirement in DEPENDENCIES)
    return [name for name, condition, _ in split if not condition or sys.version_info < (3, 11)]


def _is_met(requirement: str) -> bool:
    name, least = requirement.split(">=")
    try:
        # A folder that a broken installation left has no version.
        return _numbers(metadata.version(name) or "") >= _numbers(least)
    except metadata.PackageNotFoundError:
        return False


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", version)]


def _restart_in(environment: Path) -> None:
    python = str(environment / "bin" / "python")
    if RESTARTED in os.environ or not os.access(python, os.X_OK):
        print(f"error: {environment} is damaged; delete it, it is then made anew", file=sys.stderr)
        sys.exit(CANNOT_WRITE)
    os.environ[RESTARTED] = "1"
    os.environ.setdefault("SPECROLL_TARGET_PYTHON", sys.executable)
    os.execv(python, [python, str(Path(__file__).resolve()), *sys.argv[1:]])


def _private_environment() -> Path:
    key = hashlib.sha256("\n".join((sys.version, *DEPENDENCIES)).encode()).hexdigest()[:16]
    environment = _cache_folder() / f"tool-{key}"
    if not environment.exists():
        wanted = ", ".join(_requirements())
        print(f"apply-patches: installing {wanted} in {environment}", file=sys.stderr)
        try:
            _build(environment)
        except (OSError, subprocess.CalledProcessError) as error:
            _give_up(environment, error)
    return environment


def _cache_folder() -> Path:
    from specroll.cache import cache_folder
    from specroll.errors import TargetError

    try:
        return cache_folder()
    except TargetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _build(environment: Path) -> None:
    """Build under a temporary name, so that a half-built environment is never used."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=environment.parent))
    try:
        venv.EnvBuilder(with_pip=True, symlinks=True).create(scratch)
        install = [str(scratch / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *DEPENDENCIES], check=True, stdout=sys.stderr)
        scratch.rename(environment)
    except OSError:
        # Another run may have finished the same environment meanwhile.
        if not environment.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _give_up(environment: Path, error: Exception) -> None:
    print(
        f"error: {environment} cannot be made ({error}); connect to a package index, name another"
        f" cache with SPECROLL_CACHE, or install"
        f" {', '.join(_requirements())} for {sys.executable}",
        file=sys.stderr,
    )
    sys.exit(CANNOT_WRITE)


if __name__ == "__main__":
    main()
