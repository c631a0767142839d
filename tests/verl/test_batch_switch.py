"""The variable of the batch-size switch on its way from the command that starts a job."""

import os
import subprocess
import sys

from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"
DRIVER = f"""
import os, sys, ray
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

ray.init(address=sys.argv[1], runtime_env=get_ppo_ray_runtime_env(), log_to_driver=False)
threshold = ray.remote(num_cpus=0)(lambda: os.environ["{VARIABLE}"])
print("threshold:", ray.get(threshold.remote()))
"""


def test_it_reaches_workers_of_a_cluster_that_runs_already(ray_cluster):
    found = subprocess.run(
        [sys.executable, "-c", DRIVER, ray_cluster],
        env={**os.environ, VARIABLE: "8"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip().splitlines()[-1] == "threshold: 8"


def test_without_it_a_job_sets_nothing(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert VARIABLE not in get_ppo_ray_runtime_env()["env_vars"]


def test_an_empty_value_goes_with_the_job_too(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert get_ppo_ray_runtime_env()["env_vars"][VARIABLE] == ""
