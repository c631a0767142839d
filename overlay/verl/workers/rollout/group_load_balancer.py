"""verl's load balancer, with the samples of one prompt in one engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig
from verl.workers.rollout.group_placement import GroupPlacement
from verl.workers.rollout.router import GlobalRequestLoadBalancer
from verl.workers.rollout.speculative_options import drafts_from_other_requests


class GroupLoadBalancer(GlobalRequestLoadBalancer):
    """Places by prompt; what servers there are and how loaded they are is kept by verl's class."""

    def __init__(self, servers: dict[str, Any], max_cache_size: int) -> None:
        """Balance over `servers`, actors by name; sessions are remembered by the placement."""
        super().__init__(servers, max_cache_size)
        self._placement = GroupPlacement(self._inflight_requests)

    def require_acquire_fields(self) -> list[str]:
        """What a request is placed by."""
        return ["prompt_ids"]

    def require_release_fields(self) -> list[str]:
        """What says which group has become smaller."""
        return ["request_id"]

    def acquire_server(self, request_id: str, prompt_ids: Sequence[int]) -> tuple[str, Any]:
        """Return name and actor of the server for a request, and count it there.

        Raises:
            RuntimeError: there are no servers.
        """
        server = self._placement.place(request_id, prompt_ids)
        self._inflight_requests[server] += 1
        return server, self._servers[server]

    def release_server(self, server_id: str, request_id: str | None = None) -> None:
        """Count a request that has ended."""
        super().release_server(server_id)
        self._placement.release(request_id)

    def clear_sticky_cache(self) -> dict[str, Any]:
        """Let later turns be placed anew; returns verl's diagnostics."""
        self._placement.forget_sessions()
        return super().clear_sticky_cache()


def load_balancer_of(rollout: DictConfig) -> type[GroupLoadBalancer] | None:
    """Return the balancer that a rollout's configuration asks for; None is verl's choice.

    Drafts from other samples are what groups are kept together for. A router that the user names
    and full determinism, which places by request, go first.
    """
    if rollout.get("router_config_path") or rollout.get("full_determinism"):
        return None
    return GroupLoadBalancer if drafts_from_other_requests(rollout) else None
