"""The emulated device itself: what it computes, refuses, counts and remembers."""

from contextlib import suppress

import pytest
import torch
import torch_npu

from testing.npu_emulator.counting import counted
from testing.npu_emulator.operator_library import names

NPU = torch.device("npu")


@pytest.fixture
def numbers():
    """Twelve whole numbers on the device, -4 to 7."""
    return torch.arange(-4, 8, device=NPU)


def synchronisations(function):
    """Why the host waited while a function ran."""
    with counted() as counts:
        function()
    return dict(counts.synchronisations)


# -- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_results_are_the_cpus(dtype):
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(33, 33, generator=generator).to(dtype) for _ in range(2))

    def compute(left, right):
        product = (left @ right).softmax(-1)
        product[product > 0.5] = 0
        values, indices = product.topk(3)
        return torch.cat(
            [
                values,
                product.gather(1, indices),
                left[1:, ::2].T[:3].sum(0)[None].expand(33, -1)[:, :3],
            ],
            dim=1,
        )

    on_device = compute(left.npu(), right.npu())
    assert on_device.dtype == dtype
    assert on_device.device == torch.device("npu:0")
    torch.testing.assert_close(on_device.cpu(), compute(left, right), rtol=0, atol=0)


def test_views_share_memory(numbers):
    numbers.view(3, 4).T[1].fill_(9)
    assert numbers.tolist() == [-4, 9, -2, -1, 0, 9, 2, 3, 4, 9, 6, 7]


def test_an_output_that_grows_is_seen_through_its_storage(numbers):
    output = torch.empty(0, dtype=torch.long, device=NPU)
    torch.add(numbers, 1, out=output)
    assert output.tolist() == list(range(-3, 9))
    held = torch.npu.memory_allocated()
    del output
    assert held - torch.npu.memory_allocated() == 12 * 8


def test_a_number_of_the_host_may_be_an_operand(numbers):
    assert (numbers * torch.tensor(2)).tolist() == [2 * number for number in range(-4, 8)]
    assert torch.where(numbers > 5, numbers.float(), 0.5).dtype == torch.float32


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mix",
    [
        lambda device, host: device + host,
        lambda device, host: torch.cat([device, host]),
        lambda device, host: device.index_select(0, host),
        lambda device, host: device.scatter_(0, host, 1),
        lambda device, host: torch.add(device, 1, out=host),
        lambda device, host: host[0].add_(device[0]),
    ],
    ids=["add", "cat", "index_select", "scatter", "out", "written number"],
)
def test_devices_do_not_mix(numbers, mix):
    with pytest.raises(RuntimeError, match=r"(?i)expected all tensors to be on the same device"):
        mix(numbers, torch.arange(12))


def test_npu_operators_refuse_tensors_of_the_host(numbers):
    rows = torch.ones(2, 4, device=NPU)
    message = r"npu::npu_rms_norm expects gamma on the device npu, and it is on cpu"
    with pytest.raises(RuntimeError, match=message):
        torch_npu.npu_rms_norm(rows, torch.ones(4))


def test_an_operator_that_wants_a_tensor_of_the_host_says_so():
    cache = torch.zeros(2, 4, 1, 8, device=NPU)
    query = torch.zeros(1, 1, 8, device=NPU)
    lengths = torch.ones(1, dtype=torch.int32, device=NPU)
    with pytest.raises(RuntimeError, match="expects context_lens on the device cpu"):
        torch_npu._npu_paged_attention(
            query, cache, cache, 1, 1, 1.0, lengths[:, None], lengths, query.clone()
        )


@pytest.mark.parametrize(
    "find",
    [lambda name: getattr(torch_npu, name), lambda name: getattr(torch.ops.npu, name)],
    ids=["torch_npu", "torch.ops"],
)
def test_an_operator_without_implementation_says_its_name(numbers, find):
    with pytest.raises(NotImplementedError, match="npu::npu_fast_gelu"):
        find("npu_fast_gelu")(numbers.float())


def test_names_that_torch_npu_does_not_have():
    assert not hasattr(torch_npu, "npu_no_such_operator")
    assert len(names("npu")) > 200


@pytest.mark.parametrize(
    "use",
    [
        torch.npu.NPUGraph,
        torch.npu.graph_pool_handle,
        torch.npu.ExternalEvent,
        torch.npu.memory.NPUPluggableAllocator,
    ],
)
def test_what_is_not_emulated_is_refused(use):
    with pytest.raises(NotImplementedError, match="NPU emulator: "):
        use()


# -- random numbers ------------------------------------------------------------------------------


def test_seeded_streams_reproduce():
    streams = [torch.Generator(device=NPU).manual_seed(5) for _ in range(2)]
    first, second = (
        torch.empty(4, device=NPU).exponential_(generator=generator) for generator in streams
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.empty(4, device=NPU).exponential_(generator=streams[0]))


def test_a_stream_goes_on_from_its_state():
    generator = torch.Generator(device=NPU).manual_seed(5)
    state = generator.get_state()
    first = torch.rand(4, device=NPU, generator=generator)
    generator.set_state(state)
    assert torch.equal(first, torch.rand(4, device=NPU, generator=generator))


def test_the_default_stream_is_the_devices_own():
    torch.manual_seed(5)
    first = torch.rand(4, device=NPU)
    torch.manual_seed(5)
    torch.rand(4)
    assert torch.equal(first, torch.rand(4, device=NPU))
    torch.npu.manual_seed(5)
    assert torch.equal(first, torch.rand(4, device=NPU))


def test_generators_follow_their_device():
    with pytest.raises(RuntimeError, match="Expected a 'npu' device type for generator but found"):
        torch.empty(4, device=NPU).exponential_(generator=torch.Generator())
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found"):
        torch.empty(4).exponential_(generator=torch.Generator(device=NPU))


# -- memory --------------------------------------------------------------------------------------


def test_memory_is_accounted():
    before = torch.npu.memory_allocated()
    torch.npu.reset_peak_memory_stats()
    ones = torch.ones(1000, device=NPU)
    doubled = torch.nonzero(ones)  # its memory comes from the CPU's kernel
    assert torch.npu.memory_allocated() - before == 4000 + 8000
    free, total = torch.npu.mem_get_info()
    assert total - free == torch.npu.memory_allocated()
    del doubled, ones
    assert torch.npu.memory_allocated() == before
    assert torch.npu.max_memory_allocated() - before >= 12000


def test_the_device_can_be_full():
    total = torch.npu.mem_get_info()[1]
    with pytest.raises(torch.OutOfMemoryError, match=r"NPU out of memory\. Tried to allocate"):
        torch.empty(total + 1, dtype=torch.uint8, device=NPU)


# -- counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda t: t.cpu(), "copy to host"),
        (lambda t: t.tolist(), "copy to host"),
        (lambda t: torch.empty(12, dtype=torch.long).copy_(t), "copy to host"),
        (lambda t: torch.tensor([1, 2], device=NPU), "copy to device"),
        (lambda t: t.copy_(torch.arange(12)), "copy to device"),
        (lambda t: t[torch.tensor([1, 2])], "copy to device"),
        (lambda t: t[0].item(), "scalar read"),
        (lambda t: bool(t[0]), "scalar read"),
        (lambda t: int(t[0]), "scalar read"),
        (lambda t: torch.equal(t, t + 1), "scalar read"),
        (lambda t: t.nonzero(), "nonzero"),
        (lambda t: torch.where(t > 0), "nonzero"),
        (lambda t: t[t > 0], "boolean mask index"),
        (lambda t: t.view(3, 4)[:, (t > 0)[:4]], "boolean mask index"),
        (lambda t: t.__setitem__(t > 0, 0), "boolean mask store"),
        (lambda t: t.index_put_((t > 0,), t[0]), "boolean mask store"),
        (lambda t: t.masked_select(t > 0), "masked_select"),
        (lambda t: t.unique(), "unique"),
        (lambda t: torch.unique_consecutive(t), "unique"),
        (lambda t: torch.bincount(t + 4), "bincount"),
        (lambda t: torch.repeat_interleave(t, t + 4), "repeat_interleave"),
        (lambda t: torch.npu.synchronize(), "synchronize"),
        (lambda t: torch.npu.current_stream().synchronize(), "synchronize"),
        (lambda t: torch.npu.Event().synchronize(), "synchronize"),
        (lambda t: torch.accelerator.synchronize(), "synchronize"),
    ],
)
def test_what_makes_the_host_wait_counts_once(numbers, read, reason):
    assert synchronisations(lambda: read(numbers)) == {reason: 1}


@pytest.mark.parametrize(
    "work",
    [
        lambda t: t.copy_(torch.arange(12), non_blocking=True),
        lambda t: t.to("cpu", non_blocking=True),
        lambda t: torch.where(t > 0, t, 0),
        lambda t: t.masked_fill_(t > 0, 0),
        lambda t: torch.repeat_interleave(t, t + 4, output_size=66),
        lambda t: t[t % 12],
        lambda t: t.__setitem__(t % 12, t + 1),
        lambda t: t.__setitem__(slice(2, 4), 0),
        lambda t: torch.zeros(3, device=NPU).fill_(2),
        lambda t: t.float().softmax(-1).cumsum(-1).argmax(),
    ],
)
def test_what_does_not_make_the_host_wait(numbers, work):
    assert synchronisations(lambda: work(numbers)) == {}


def test_dispatches_are_counted_by_name(numbers):
    with counted() as counts:
        view = numbers.view(3, 4).T[1:]
        _ = view + 1
        _ = view + 1
        torch_npu.npu_swiglu(torch.empty(2, 4, device=NPU))
    assert counts.dispatches == {"aten::add.out": 2, "npu::npu_swiglu": 1}


def test_what_is_refused_is_not_counted(numbers):
    with counted() as counts, suppress(RuntimeError):
        numbers.index_select(0, torch.arange(3))
    assert not counts.dispatches


def test_counts_of_a_block_that_fails(numbers):
    with suppress(ZeroDivisionError), counted() as counts:
        numbers.tolist()
        raise ZeroDivisionError
    assert counts.synchronisations == {"copy to host": 1}
