"""Which server a request goes to, so that the samples of one prompt meet.

Drafts come from what the server's other requests have generated (sam_drafting), most of all from
samples of the same prompt: scattered over servers, a group cannot draft from itself. What a server
generated in an earlier epoch helps, too, so that a prompt goes back to where it was, while the load
allows it: consistent placement with bounded loads (Mirrokni, Thorup, Zadimoghaddam,
arXiv 1608.01350). The load is counted in groups, since the samples of a group come one after
another, and which of them are still to come cannot be seen.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

BALANCE = 1.1
"""A prompt returns to a server with less than so many times the mean number of groups."""

MAX_GROUP = 64
"""Requests with one prompt that share a server; more, as agents with a constant first prompt send,
are groups of their own."""

MAX_SESSIONS = 100_000
MAX_HOMES = 1_000_000


@dataclass
class _Session:
    """A request over its turns: the digest of its first prompt, and its server."""

    key: bytes
    server: str | None = None
    in_flight: int = 0


@dataclass
class _Group:
    """Requests with one prompt, and their servers, the latest first: one for `MAX_GROUP` each."""

    servers: list[str]
    in_flight: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the next request needs another server."""
        return self.in_flight % MAX_GROUP == 0

    def go_on(self, server: str) -> None:
        """Send what comes next to `server`."""
        self.servers = [server, *self.servers][: 1 + self.in_flight // MAX_GROUP]


class GroupPlacement:
    """Chooses servers; the load of each is counted by who calls.

    Example:
        >>> placement = GroupPlacement({"a": 0, "b": 0})
        >>> [placement.place(request, [1, 2, 3]) for request in ("first", "second")]
        ['a', 'a']
        >>> placement.place("of another prompt", [4])
        'b'
    """

    def __init__(self, load: Mapping[str, int]) -> None:
        """Start without groups.

        Args:
            load: requests in flight by the name of the server, live: it is looked at for every
                request.
        """
        self._load = load
        self._groups: dict[bytes, _Group] = {}
        self._running: dict[str, _Session] = {}
        self._sessions: LRUCache[str, _Session] = LRUCache(MAX_SESSIONS)
        self._homes: LRUCache[bytes, str] = LRUCache(MAX_HOMES)

    def place(self, request_id: str, prompt_ids: Sequence[int]) -> str:
        """Return the server of a request: its session's, else its group's, else a new group's.

        A later turn, or a resumed answer, has a longer prompt; it stays where it was, and belongs
        to the group of its first prompt.

        Args:
            request_id: the same for all turns of a session.
            prompt_ids: token ids.

        Raises:
            RuntimeError: there are no servers.
        """
        if not self._load:
            raise RuntimeError("No available servers in load balancer")
        session = self._session(request_id, prompt_ids)
        server = session.server
        if server is None or server not in self._load:
            server = session.server = self._server_of_group(session.key)
        group = self._groups.setdefault(session.key, _Group([server]))
        group.in_flight += 1
        session.in_flight += 1
        self._running[request_id] = session
        return server

    def release(self, request_id: str | None) -> None:
        """Note that a request has ended; an unknown one is ignored."""
        if request_id is None or request_id not in self._running:
            return
        session = self._running[request_id]
        session.in_flight -= 1
        if not session.in_flight:
            del self._running[request_id]
        group = self._groups[session.key]
        group.in_flight -= 1
        if not group.in_flight:
            del self._groups[session.key]

    def forget_sessions(self) -> None:
        """Let what comes back be placed anew, by the group of its first prompt."""
        for session in (*self._sessions.values(), *self._running.values()):
            session.server = None

    def _session(self, request_id: str, prompt_ids: Sequence[int]) -> _Session:
        session = self._running.get(request_id) or self._sessions.get(request_id)
        if session is None:
            session = _Session(_digest(prompt_ids))
        self._sessions[request_id] = session
        return session

    def _server_of_group(self, key: bytes) -> str:
        group = self._groups.get(key)
        if group and group.servers[0] in self._load and not group.is_full:
            return group.servers[0]
        server = self._server_of_new_group(key)
        if group:
            group.go_on(server)
        self._homes[key] = server
        return server

    def _server_of_new_group(self, key: bytes) -> str:
        groups = Counter(server for group in self._groups.values() for server in group.servers)
        home = self._homes.get(key)
        capacity = math.ceil(BALANCE * (groups.total() + 1) / len(self._load))
        if key not in self._groups and home in self._load and groups[home] < capacity:
            return home
        return min(self._load, key=lambda server: (groups[server], self._load[server]))


def _digest(prompt_ids: Sequence[int]) -> bytes:
    return hashlib.blake2b(array("q", prompt_ids).tobytes(), digest_size=16).digest()
