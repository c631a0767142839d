"""The proposer where some sampling options exclude a request from speculation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.v1.spec_decode.sam_proposer import SamProposer

if TYPE_CHECKING:
    from vllm.v1.worker.gpu_input_batch import InputBatch


class ExcludingSamProposer(SamProposer):
    """Proposes nothing for requests that vLLM's input batch lists as unsupported."""

    @staticmethod
    def _is_excluded(input_batch: InputBatch, row: int) -> bool:
        excluded: bool = input_batch.req_ids[row] in input_batch.spec_decode_unsupported_reqs
        return excluded
