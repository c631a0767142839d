"""The SPD scorer's model; `actor_rollout_ref.model.external_lib=spd_scorer` makes verl know it.

Importing this module registers the model with transformers' Auto classes.
"""

from specroll_scorer.model.config import ScoringModelConfig
from specroll_scorer.model.layer import ScoreHead
from specroll_scorer.model.loading import AutoModelForSPDScoring
from specroll_scorer.model.scoring_actor import ScorerError, ScoringActor

__all__ = [
    "AutoModelForSPDScoring",
    "ScoreHead",
    "ScorerError",
    "ScoringActor",
    "ScoringModelConfig",
]
