"""Operators of the Ascend transformer boost library."""
