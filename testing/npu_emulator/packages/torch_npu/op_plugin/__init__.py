"""Operators that plug into torch_npu."""
