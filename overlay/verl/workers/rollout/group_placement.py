"""Which server a request goes to, so that the samples of one prompt meet.

Drafts come from what the server's other requests have generated (sam_drafting), most of all from
samples of the same prompt: scattered over servers, a group cannot draft from itself. What a server
generated in an earlier epoch helps, too, so that a prompt goes back to where it was, while the load
allows it: consistent placement with bounded loads (Mirrokni, Thorup, Zadimoghaddam,
arXiv 1608.01350).
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

BALANCE = 1.1
"""A prompt returns to a server with less than so many times the mean load."""

MAX_SESSIONS = 10_000
MAX_HOMES = 1_000_000


@dataclass
class _Group:
    server: str
    requests: int = 0


class GroupPlacement:
    """Chooses servers; the load of each is counted by who calls."""

    def __init__(self, load: Mapping[str, int]) -> None:
        """Place on the keys of `load`, live: requests in flight a server."""
        self._load = load
        self._groups: dict[bytes, _Group] = {}
        self._in_flight: dict[str, bytes] = {}
        self._sessions: LRUCache[str, str] = LRUCache(MAX_SESSIONS)
        self._homes: LRUCache[bytes, str] = LRUCache(MAX_HOMES)

    def place(self, request_id: str, prompt_ids: Sequence[int]) -> str:
        """Return the server of a request: its session's, else its group's, else a new group's.

        A later turn of a session has another prompt and stays where the first was.

        Raises:
            RuntimeError: there are no servers.
        """
        if not self._load:
            raise RuntimeError("No available servers in load balancer")
        key = _digest(prompt_ids)
        server = self._sessions.get(request_id)
        if server not in self._load:
            server = self._server_of_group(key)
            self._homes[key] = self._sessions[request_id] = server
        group = self._groups.setdefault(key, _Group(server))
        if group.server not in self._load:
            group.server = server
        group.requests += 1
        self._in_flight[request_id] = key
        return server

    def release(self, request_id: str) -> None:
        """Note that a request has ended; an unknown one is ignored."""
        key = self._in_flight.pop(request_id, None)
        if key is None:
            return
        group = self._groups[key]
        group.requests -= 1
        if not group.requests:
            del self._groups[key]

    def forget_sessions(self) -> None:
        """Let later turns of all sessions be placed anew."""
        self._sessions.clear()

    def _server_of_group(self, key: bytes) -> str:
        group = self._groups.get(key)
        if group and group.server in self._load:
            return group.server
        home = self._homes.get(key)
        if home in self._load and self._load[home] < self._capacity():
            return home
        return min(self._load, key=self._load.__getitem__)

    def _capacity(self) -> int:
        return math.ceil(BALANCE * (sum(self._load.values()) + 1) / len(self._load))


def _digest(prompt_ids: Sequence[int]) -> bytes:
    return hashlib.blake2b(array("q", prompt_ids).tobytes(), digest_size=16).digest()
