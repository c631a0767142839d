"""The SPD scorer's model; `actor_rollout_ref.model.external_lib=spd_scorer` makes verl know it.

Importing this module registers the model with transformers' Auto classes, and the training loss
with verl where verl is installed.
"""

from specroll_scorer.model.scoring_actor import (
    AutoModelForSPDScoring,
    ScoreHead,
    ScorerError,
    ScoringActor,
    ScoringModelConfig,
)

__all__ = [
    "AutoModelForSPDScoring",
    "ScoreHead",
    "ScorerError",
    "ScoringActor",
    "ScoringModelConfig",
]
