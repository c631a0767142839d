"""The device's default stream of random numbers."""

from __future__ import annotations

import torch

from testing.npu_emulator.device import native

default_generators = (native.default_generator(),)


def manual_seed(seed: int) -> None:
    """Seed it."""
    default_generators[0].manual_seed(seed)


manual_seed_all = manual_seed


def get_rng_state(device: object = None) -> torch.Tensor:
    """Its state, a tensor of the host."""
    return default_generators[0].get_state()


def set_rng_state(state: torch.Tensor, device: object = None) -> None:
    """Go back to a state."""
    default_generators[0].set_state(state)
