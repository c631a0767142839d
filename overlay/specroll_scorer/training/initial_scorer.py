"""The scorer that a run of training starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoTokenizer

from specroll_scorer.model.config import ScoringModelConfig
from specroll_scorer.model.loading import AutoModelForSPDScoring
from specroll_scorer.model.scoring_actor import ScorerError
from specroll_scorer.whole_files import replacing


def initial_scorer(
    backbone: str, folder: Path, *, seed: int, lora_rank: int = 8, reads_target: bool = False
) -> Path:
    """Return the folder of the scorer that training starts from, with its tokenizer; made once.

    Args:
        backbone: a decoder, which gets adapters and a head, or a scorer, which is taken as it is.
        folder: where it is kept.
        seed: of new adapters and a new head.
        lora_rank: of new adapters, see `ScorerOptions`.
        reads_target: what a new head sees, see `ScorerOptions`.

    Raises:
        ScorerError: the backbone cannot be loaded.
    """
    if folder.exists():
        return folder
    new = {"lora_rank": lora_rank, "reads_target": reads_target}
    torch.manual_seed(seed)
    try:
        is_scorer = isinstance(AutoConfig.from_pretrained(backbone), ScoringModelConfig)
        model = AutoModelForSPDScoring.from_pretrained(backbone, **({} if is_scorer else new))
        tokenizer = AutoTokenizer.from_pretrained(backbone)
    # KeyError: a scorer has no kind of tokenizer that transformers would look for.
    except (KeyError, OSError, ScorerError, ValueError) as error:
        raise ScorerError(
            f"no backbone and its tokenizer can be loaded from {backbone}: {error}"
        ) from error
    with replacing(folder) as unfinished:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
    return folder
