"""Models behind an endpoint: a vLLM server of this process, or one that runs already."""
