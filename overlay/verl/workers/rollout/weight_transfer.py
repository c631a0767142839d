"""A trainer's side of a weight transfer that notices when the rollout's side has failed."""

from __future__ import annotations

import time
from typing import Any

import ray
import zmq

POLL_SECONDS = 1.0
SECONDS_TO_ANSWER = 60.0
"""How long an answer may take after the receiver has ended without an error."""

SECONDS_OF_SILENCE = 600.0
"""How long an answer may take of a receiver whose call another rank has made."""


class WatchedSocket:
    """A request socket that gives up when the other end has.

    A receiver that fails answers no more, and zmq waits for ever
    (verl/workers/rollout/vllm_rollout/bucketed_weight_transfer.py); what it fails with arrives
    through Ray.
    """

    def __init__(self, socket: zmq.Socket, receiver: ray.ObjectRef | None) -> None:
        """Watch `receiver`, the running call of the other end.

        None is for the other ranks of a tensor-parallel group, whose first rank has made the call
        for all; they give up after a time of silence.
        """
        self._socket = socket
        self._receiver = receiver
        self._ended: float | None = None

    def bind(self, address: str) -> None:
        """Wait for the other end at `address`."""
        self._socket.bind(address)

    def send_pyobj(self, message: Any) -> None:
        """Send an object, once somebody is there to take it.

        Raises:
            RuntimeError: the receiver has failed, or has ended.
        """
        self._wait_for(zmq.POLLOUT)
        self._socket.send_pyobj(message)

    def recv(self) -> bytes:
        """Return the answer.

        Raises:
            RuntimeError: the receiver has failed, or has ended without an answer.
        """
        self._wait_for(zmq.POLLIN)
        return self._socket.recv()

    def close(self) -> None:
        """Close the socket; what nobody has taken is dropped."""
        self._socket.close(linger=0)

    def _wait_for(self, event: int) -> None:
        began = time.monotonic()
        while not self._socket.poll(int(POLL_SECONDS * 1000), event):
            self._check_receiver()
            self._check_silence(time.monotonic() - began)

    def _check_silence(self, seconds: float) -> None:
        if self._receiver is None and seconds > SECONDS_OF_SILENCE:
            raise RuntimeError(
                f"The rollout has not answered for {seconds:.0f} s while it took new weights: see "
                "the log of its workers."
            )

    def _check_receiver(self) -> None:
        if self._receiver is None or not ray.wait([self._receiver], timeout=0)[0]:
            return
        try:
            ray.get(self._receiver)
        except Exception as error:
            reason = getattr(error, "cause", None) or error
            raise RuntimeError(f"The rollout failed to take new weights: {reason}") from error
        self._ended = self._ended or time.monotonic()
        if time.monotonic() - self._ended > SECONDS_TO_ANSWER:
            raise RuntimeError("The rollout ended a weight transfer before all weights were sent.")
