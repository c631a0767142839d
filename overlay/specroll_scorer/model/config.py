"""What a scorer is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from transformers import CONFIG_MAPPING, AutoConfig, PretrainedConfig


@dataclass(frozen=True)
class ScorerOptions:
    """What a decoder gets to become a scorer.

    Attributes:
        lora_rank: rank of the adapters in every linear layer of the backbone; 0: no adapters, the
            backbone stays as it is and the head alone is trained.
        lora_alpha: the adapters' outputs are scaled by lora_alpha / lora_rank.
        lora_dropout: dropout before the adapters. Rollout and training see other adapters while it
            is not 0.
        head_size: width of the head's hidden layer; the backbone's where it is None.
        reads_target: whether the head sees the target's choice beside the draft token.

    Raises:
        ValueError: a value makes no sense.

    Example:
        >>> ScorerOptions(lora_rank=-1)
        Traceback (most recent call last):
        ...
        ValueError: lora_rank is -1: give 0, for no adapters, or more
    """

    lora_rank: int = 8
    lora_alpha: float = 16
    lora_dropout: float = 0.0
    head_size: int | None = None
    reads_target: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.lora_rank < 0:
            raise ValueError(f"lora_rank is {self.lora_rank}: give 0, for no adapters, or more")
        if self.lora_alpha <= 0:
            raise ValueError(f"lora_alpha is {self.lora_alpha}: give more than 0")
        if not 0 <= self.lora_dropout < 1:
            raise ValueError(f"lora_dropout is {self.lora_dropout}: give 0 or more, below 1")
        if self.head_size is not None and self.head_size < 1:
            raise ValueError(f"head_size is {self.head_size}: give 1 or more")

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> ScorerOptions:
        """Take these options out of others, by their names."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: options.pop(name) for name in names if name in options})


class ScoringModelConfig(PretrainedConfig):
    """What a scorer is made of: a decoder, and the attributes of `ScorerOptions`.

    Example:
        >>> from transformers import LlamaConfig
        >>> config = ScoringModelConfig(LlamaConfig(hidden_size=64), lora_rank=4)
        >>> config.hidden_size, config.lora_rank, config.lora_alpha
        (64, 4, 16)
    """

    model_type = "spd_scorer"
    sub_configs = {"backbone_config": AutoConfig}  # noqa: RUF012 - the attribute is transformers'

    backbone_config: PretrainedConfig
    lora_rank: int
    lora_alpha: float
    lora_dropout: float
    head_size: int | None
    reads_target: bool

    def __init__(
        self,
        backbone_config: PretrainedConfig | dict[str, Any] | None = None,
        backbone_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe a scorer.

        Args:
            backbone_config: the decoder, as a configuration of transformers or a dict with
                `model_type`; a Llama of default size where it is None.
            backbone_path: folder or name of the backbone that adapters alone are loaded onto.
            kwargs: options of `ScorerOptions`, and those of every configuration of transformers.

        Raises:
            ValueError: an option makes no sense.
        """
        if backbone_config is None:
            backbone_config = {"model_type": "llama"}
        if isinstance(backbone_config, dict):
            backbone_config = CONFIG_MAPPING[backbone_config["model_type"]](**backbone_config)
        self.backbone_config = backbone_config
        self.backbone_path = backbone_path
        for name, value in asdict(ScorerOptions.taken_from(kwargs)).items():
            setattr(self, name, value)
        # There is no language-model head. While this is true, verl gives each rank a whole copy of
        # the weights at start (workers/fsdp_workers.py).
        kwargs.setdefault("tie_word_embeddings", False)
        super().__init__(**kwargs)

    @property
    def hidden_size(self) -> int:
        """Width of the backbone's hidden states."""
        return self.backbone_config.hidden_size

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the backbone knows."""
        return self.backbone_config.vocab_size

    @property
    def num_attention_heads(self) -> int:
        """Number of the backbone's query heads."""
        return self.backbone_config.num_attention_heads

    @property
    def num_key_value_heads(self) -> int:
        """Number of the backbone's key and value heads; as many as query heads by default."""
        return getattr(self.backbone_config, "num_key_value_heads", self.num_attention_heads)
