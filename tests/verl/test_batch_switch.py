"""The variable of the batch-size switch on its way to a job's workers."""

from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"


def test_the_variable_goes_with_the_job_where_it_is_set(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert VARIABLE not in get_ppo_ray_runtime_env()["env_vars"]
    monkeypatch.setenv(VARIABLE, "8")
    assert get_ppo_ray_runtime_env()["env_vars"][VARIABLE] == "8"


def test_an_empty_value_goes_with_the_job_too(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert get_ppo_ray_runtime_env()["env_vars"][VARIABLE] == ""
