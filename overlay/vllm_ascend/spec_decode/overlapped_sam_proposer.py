"""What vLLM-Ascend's model runner asks of a drafter where its steps overlap."""

from vllm.v1.spec_decode.overlapped_sam_proposer import OverlappedSamProposer


class NpuOverlappedSamProposer(OverlappedSamProposer):
    """The drafter of an `NPUModelRunner` whose steps overlap."""

    def dummy_run(self, *_arguments: object, **_options: object) -> None:
        """Nothing to warm up or to capture in a graph: drafts come from the host."""
