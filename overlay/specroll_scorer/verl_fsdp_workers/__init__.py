"""Training with verl whose actor is a worker of verl/workers/fsdp_workers.py."""
