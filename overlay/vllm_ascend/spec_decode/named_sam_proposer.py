"""The drafter of a model runner that knows its drafters by name.

The runner asks for the `name` of its drafter, and calls it as `Proposer` in
vllm_ascend/spec_decode/interface.py says.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from vllm.v1.spec_decode.excluding_sam_proposer import ExcludingSamProposer
from vllm_ascend.spec_decode.interface import SpecDcodeType
from vllm_ascend.spec_decode.sam_proposer import NpuSamProposer

if TYPE_CHECKING:
    from vllm_ascend.worker.npu_input_batch import InputBatch


class TokenPromptSamProposer(ExcludingSamProposer):
    """Reads an input batch that takes no prompts as embeddings."""

    @staticmethod
    def _embedded_rows(_input_batch: InputBatch) -> Collection[int]:
        return ()


class NamedSamProposer(NpuSamProposer):
    """The drafter of an `NPUModelRunner` that looks at its name."""

    proposer_class = TokenPromptSamProposer
    name = SpecDcodeType.SAM

    def generate_token_ids(
        self, sampled_token_ids: list[list[int]], *_unused: object
    ) -> list[list[int]]:
        """Draft for each request of the runner's batch, as `propose` does."""
        return self.propose(sampled_token_ids)
