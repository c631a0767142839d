"""What the process environment of an engine on a CPU holds; set before vLLM is imported."""

CPU_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # One thread: OpenMP's workers spin while they wait, and engines share the machine's cores.
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
}
