"""The variable of the batch-size switch on its way from the command that starts a job."""

import os
import subprocess
import sys

DRIVER = """
import os, sys, ray
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

ray.init(address=sys.argv[1], runtime_env=get_ppo_ray_runtime_env(), log_to_driver=False)
threshold = ray.remote(num_cpus=0)(lambda: os.environ.get("VLLM_SPECULATIVE_BATCH_SIZE_THRE"))
print("threshold:", ray.get(threshold.remote()))
"""


def threshold_in_a_worker(address, **variables):
    found = subprocess.run(
        [sys.executable, "-c", DRIVER, address],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip().splitlines()[-1]


def test_it_reaches_workers_of_a_cluster_that_runs_already(ray_cluster):
    found = threshold_in_a_worker(ray_cluster, VLLM_SPECULATIVE_BATCH_SIZE_THRE="8")
    assert found == "threshold: 8"
    assert threshold_in_a_worker(ray_cluster) == "threshold: None"
