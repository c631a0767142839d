"""Servers of a job whose agent loop workers share one placement of groups.

Each worker of verl deals out its own chunk of the batch. One actor of the job knows where
every prompt is (verl/workers/rollout/group_placement.py) and how busy each server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ray
from omegaconf import DictConfig
from verl.workers.rollout.group_placement import GroupPlacement
from verl.workers.rollout.speculative_options import drafts_from_other_requests

if TYPE_CHECKING:
    from ray.actor import ActorHandle
    from verl.workers.rollout.replica import TokenOutput


@ray.remote(num_cpus=0)
class SharedPlacement:
    """Placement of groups, and the requests in flight at each server."""

    def __init__(self, servers: Sequence[str]) -> None:
        """Start with nothing in flight at servers of these names."""
        self._load = dict.fromkeys(servers, 0)
        self._placement = GroupPlacement(self._load)

    def acquire(self, request_id: str, prompt_ids: list[int]) -> str:
        """Return the server of a request, which is busy with it from now on."""
        server = self._placement.place(request_id, prompt_ids)
        self._load[server] += 1
        return server

    def release(self, request_id: str, server: str) -> None:
        """Note that a request has ended, however it did."""
        self._load[server] -= 1
        self._placement.release(request_id)


class GroupServers:
    """Servers that get all samples of a prompt, whichever worker asks."""

    def __init__(self, handles: Sequence[ActorHandle]) -> None:
        """Share the placement of all who name the same servers, in any order."""
        self._servers = {handle._actor_id.hex(): handle for handle in handles}
        names = sorted(self._servers)
        self._placement = SharedPlacement.options(
            name=f"placement_of_{names[0]}", get_if_exists=True
        ).remote(names)

    async def generate(
        self, request_id: str, prompt_ids: list[int], **arguments: Any
    ) -> TokenOutput:
        """Generate on the server of the prompt; `arguments` are the server's.

        Raises:
            RayError: the server or the placement failed.
        """
        server = await self._placement.acquire.remote(request_id, prompt_ids)
        try:
            return await self._servers[server].generate.remote(
                request_id=request_id, prompt_ids=prompt_ids, **arguments
            )
        finally:
            self._placement.release.remote(request_id, server)


def group_servers(config: DictConfig, handles: Sequence[ActorHandle]) -> GroupServers | None:
    """Servers for a job whose requests draft from each other; None leaves the choice to verl.

    Args:
        config: the trainer's; speculative_config is a mapping or its JSON.
        handles: of the servers.
    """
    rollout = config.actor_rollout_ref.rollout
    return GroupServers(handles) if drafts_from_other_requests(rollout) else None
