"""Which stack's vLLM-Ascend is installed."""

from importlib.metadata import version

STACK = {"0.11.0": "2025.11", "0.23.0": "2026.09"}[version("vllm-ascend")]
