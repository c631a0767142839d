"""What is mended of Triton's interpreter, each in a kernel that goes wrong without it."""

import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from testing.interpreted_gpu import interpreter
from testing.interpreted_gpu.process_environment import enter
from testing.interpreted_gpu.triton_backend.driver import InterpretedDriver


@pytest.fixture(autouse=True)
def mended():
    """The interpreter as vLLM's processes have it."""
    interpreter.mend()


@triton.jit
def _copy_if_positive(source, target, size, BLOCK: tl.constexpr):  # noqa: N803
    places = tl.arange(0, BLOCK)
    first = tl.load(source)
    values = tl.load(source + places, mask=(first > 0) & (places < size), other=-1)
    tl.store(target + places, values, mask=places < size)


@triton.jit
def _copy_whole_if_positive(source, target, BLOCK: tl.constexpr):  # noqa: N803
    places = tl.arange(0, BLOCK)
    values = tl.load(source + places, mask=tl.load(source) > 0, other=-1)
    tl.store(target + places, values)


@triton.jit
def _log1p(source, target, BLOCK: tl.constexpr):  # noqa: N803
    places = tl.arange(0, BLOCK)
    tl.store(target + places, libdevice.log1p(tl.load(source + places)))


def test_kernels_run_on_tensors_of_the_cpu():
    source, target = torch.tensor([1, 2, 3, 4]), torch.zeros(4, dtype=torch.int64)
    _copy_if_positive[(1,)](source, target, 3, BLOCK=4)
    assert target.tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(("first", "expected"), [(1, [1, 2, 3, 4]), (-5, [-1, -1, -1, -1])])
def test_a_scalar_truth_value_is_a_mask(first, expected):
    source, target = torch.tensor([first, 2, 3, 4]), torch.zeros(4, dtype=torch.int64)
    _copy_whole_if_positive[(1,)](source, target, BLOCK=4)
    assert target.tolist() == expected


def test_functions_of_the_device_are_numpys():
    source, target = torch.tensor([0.0, 0.5, 1.0, 1e-9]), torch.zeros(4)
    _log1p[(1,)](source, target, BLOCK=4)
    assert torch.equal(target, torch.log1p(source))


def test_a_kernel_after_another_still_finds_the_language():
    for _ in range(2):
        interpreter.mend()
        test_kernels_run_on_tensors_of_the_cpu()


def test_it_is_too_late_once_triton_is_imported(tmp_path):
    with pytest.raises(
        RuntimeError, match=r"triton.* imported already; run these tests in a process"
    ):
        enter(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_compiled_is_refused():
    with pytest.raises(NotImplementedError, match="set TRITON_INTERPRET=1 before Triton"):
        InterpretedDriver().map_python_to_cpp_type("i32")
