"""The trainer's side of a weight transfer whose other end fails."""

import pytest

from testing.registry import require

require("rollouts by server replicas")

import ray
import zmq
from verl.workers.rollout import weight_transfer
from verl.workers.rollout.weight_transfer import WatchedSocket

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path / 'socket'}"


@pytest.fixture
def sender(address):
    """Return a function that makes a watched socket for a receiver."""
    sockets = []

    def make(receiver):
        socket = WatchedSocket(zmq.Context.instance().socket(zmq.REQ), receiver)
        socket.bind(address)
        sockets.append(socket)
        return socket

    yield make
    for socket in sockets:
        socket.close()


@ray.remote
def fail():
    raise OSError("no such weight")


@ray.remote
def answer(address, answers):
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.connect(address)
    for _ in range(answers):
        socket.send_pyobj(socket.recv_pyobj())


def send_and_wait(socket, message):
    socket.send_pyobj(message)
    return socket.recv()


def test_answers_come_through(sender, address):
    receiver = answer.remote(address, 2)
    socket = sender(receiver)
    for _ in range(2):
        assert send_and_wait(socket, {"weights": 1})
    ray.get(receiver)


def test_a_receiver_that_fails_ends_sending(sender):
    socket = sender(fail.remote())
    with pytest.raises(RuntimeError, match="failed to take new weights: no such weight"):
        socket.send_pyobj("nobody listens")


def test_a_rank_whose_receiver_another_has_called_gives_up(sender, monkeypatch):
    monkeypatch.setattr(weight_transfer, "SECONDS_OF_SILENCE", 0.0)
    with pytest.raises(RuntimeError, match="has not answered for"):
        sender(None).send_pyobj("nobody listens")


def test_a_receiver_that_stops_ends_waiting(sender, address, monkeypatch):
    monkeypatch.setattr(weight_transfer, "SECONDS_TO_ANSWER", 0.0)
    socket = sender(answer.remote(address, 1))
    send_and_wait(socket, "answered")
    with pytest.raises(RuntimeError, match="ended a weight transfer before all weights"):
        send_and_wait(socket, "not answered")
