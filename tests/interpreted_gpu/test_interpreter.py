"""What is mended of Triton's interpreter: kernels that go wrong, or take long, without it."""

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


@triton.jit
def _double(source, target, BLOCK: tl.constexpr):  # noqa: N803
    places = tl.arange(0, BLOCK)
    values = tl.load(source + places)
    tl.store(target + places, values + values)


@triton.jit
def _outer_product(rows, columns, target, ROWS: tl.constexpr, COLUMNS: tl.constexpr):  # noqa: N803
    down, along = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    product = tl.load(rows + down)[:, None] * tl.load(columns + along)[None, :]
    tl.store(target + down[:, None] * COLUMNS + along[None, :], product)


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
    # The last digit depends on which of its instructions a processor has.
    torch.testing.assert_close(target, torch.log1p(source))


def test_sums_wrap_around_as_on_a_gpu():
    source = torch.tensor([2**31 - 1, -(2**31), 2**30, 3], dtype=torch.int32)
    target = torch.zeros_like(source)
    _double[(1,)](source, target, BLOCK=4)
    assert target.tolist() == [-2, 0, -(2**31), 6]


@pytest.mark.parametrize(
    "kind",
    [torch.int8, torch.uint8, torch.int16, torch.int64, torch.float16, torch.float32],
)
def test_numbers_keep_their_type(kind):
    source = torch.tensor([0, 1, 2, 60], dtype=kind)
    target = torch.zeros_like(source)
    _double[(1,)](source, target, BLOCK=4)
    assert target.tolist() == [0, 2, 4, 120]


@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (4, 2), (1, 8)])
def test_blocks_have_their_own_shape(rows, columns):
    first, second = torch.arange(1, rows + 1), torch.arange(1, columns + 1)
    target = torch.zeros(rows, columns, dtype=torch.int64)
    _outer_product[(1,)](first, second, target, ROWS=rows, COLUMNS=columns)
    assert torch.equal(target, torch.outer(first, second))


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
