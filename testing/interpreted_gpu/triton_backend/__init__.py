"""A backend of Triton for CPUs that compiles nothing: every kernel is interpreted.

Triton looks for `compiler` and `driver` in the module that an entry point `triton.backends` names.
"""
