"""What verl is given for a device where there is none, and only there."""

import pytest
import torch
from verl.utils import cpu_device, device


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator")
def test_verl_takes_it_where_there_is_no_accelerator():
    assert device.get_torch_device() is cpu_device
    assert device.get_nccl_backend() == "gloo"


@pytest.mark.parametrize(
    ("found", "name", "backend"),
    [("is_cuda_available", "cuda", "nccl"), ("is_npu_available", "npu", "hccl")],
)
def test_verl_leaves_it_alone_where_there_is_one(monkeypatch, found, name, backend):
    namespace = object()
    monkeypatch.setattr(device, found, True)
    monkeypatch.setattr(torch, name, namespace, raising=False)
    assert device.get_torch_device() is namespace
    assert device.get_nccl_backend() == backend


def test_random_states_are_those_of_the_host():
    cpu_device.manual_seed(3)
    state = cpu_device.get_rng_state()
    drawn = torch.rand(4)
    cpu_device.set_rng_state(state)
    assert torch.equal(torch.rand(4), drawn)


def test_nothing_is_counted():
    cpu_device.empty_cache()
    cpu_device.reset_peak_memory_stats()
    assert cpu_device.memory_allocated() == cpu_device.max_memory_reserved() == 0
    assert cpu_device.mem_get_info() == (0, 0)
    assert (cpu_device.get_device_name(), cpu_device.current_device()) == ("cpu", "cpu")
