"""The requests of a stream connection."""

import json
import random
from typing import Any

import pytest
from msgspec import structs

from poller.network.backoff import Backoff
from poller.stream.dialect import Ack, Method, Request
from poller.stream.subscriptions import Subscriptions
from poller.stream.timing import StreamTiming

TIMING = StreamTiming(reply_timeout_s=10.0)


def new(failures: list[None] | None = None, **timing: float) -> Subscriptions:
    """Make the subscriptions of one connection."""
    failed = (failures if failures is not None else []).append
    return Subscriptions(
        structs.replace(TIMING, **timing), lambda: Backoff(1.0, 30.0, random.Random(1)), lambda: failed(None)
    )


def asked(*subjects: str, method: Method = "SUBSCRIBE") -> Request:
    """A request that shows its number and what it is about."""
    return Request(method, subjects, lambda number: json.dumps({"subjects": subjects, "id": number}).encode())


def request(message: bytes | None) -> Any:
    """Read a request."""
    assert message is not None
    return json.loads(message)


def test_settled_when_all_is_granted() -> None:
    """Only when every request was answered with yes is everything settled."""
    subscriptions = new()
    subscriptions.add([asked("a"), asked("b")], 0.0)
    for _ in range(2):
        subscriptions.take(0.0)
    subscriptions.answered(Ack(2, ""), 1.0)
    assert not subscriptions.settled
    subscriptions.answered(Ack(1, ""), 1.0)
    assert subscriptions.settled


@pytest.mark.parametrize("reply", [Ack(1, "4: Too many subscriptions"), Ack(None, "2: Invalid request")])
def test_refused_request_is_repeated_later(reply: Ack) -> None:
    """An error, with the request's number or without, is counted, and the request goes out again after a pause."""
    failures: list[None] = []
    subscriptions = new(failures)
    subscriptions.add([asked("a")], 0.0)
    subscriptions.take(0.0)
    subscriptions.answered(reply, 5.0)
    assert 1 == len(failures)
    assert 5.0 < subscriptions.due() <= 6.0
    assert subscriptions.take(5.0) is None
    assert ["a"] == request(subscriptions.take(6.0))["subjects"]


def test_unanswered_request_is_repeated_later() -> None:
    """Silence for the reply timeout counts as a refusal."""
    failures: list[None] = []
    subscriptions = new(failures)
    subscriptions.add([asked("a")], 0.0)
    subscriptions.take(0.0)
    assert 10.0 == subscriptions.due()
    assert subscriptions.take(9.0) is None
    assert not failures
    assert subscriptions.take(10.0) is None
    assert 1 == len(failures)
    assert 2 == request(subscriptions.take(11.0))["id"]


def test_unsubscribe_is_never_repeated() -> None:
    """A refused UNSUBSCRIBE is dropped: after the SUBSCRIBE that follows it, it would do harm."""
    subscriptions = new()
    subscriptions.add([asked("a", method="UNSUBSCRIBE")], 0.0)
    subscriptions.take(0.0)
    subscriptions.answered(Ack(1, "2: no"), 0.0)
    assert subscriptions.settled


def test_unknown_answers_change_nothing() -> None:
    """An answer to nothing that was asked is ignored."""
    subscriptions = new()
    subscriptions.answered(Ack(77, "what?"), 0.0)
    subscriptions.answered(Ack(None, "what?"), 0.0)
    assert subscriptions.settled
    assert float("inf") == subscriptions.due()


def test_an_answer_that_names_all_there_is_grants_what_is_in_it() -> None:
    """Without a number a request is known by what it is about: all of it is there, or, where it ends, none of it."""
    subscriptions = new()
    subscriptions.add([asked("a", "b"), asked("c"), asked("d", method="UNSUBSCRIBE")], 0.0)
    for _ in range(3):
        subscriptions.take(0.0)
    subscriptions.answered(Ack(None, subjects=("a", "d")), 1.0)
    assert not subscriptions.settled
    subscriptions.answered(Ack(None, subjects=("a", "b", "d")), 1.0)
    subscriptions.answered(Ack(None, subjects=("a", "b")), 1.0)
    assert not subscriptions.settled
    subscriptions.answered(Ack(None, subjects=("a", "b", "c")), 1.0)
    assert subscriptions.settled


def test_what_will_never_be_granted_is_not_asked_for_again() -> None:
    """It is counted, and told to whoever asked; the others are still waited for."""
    failures: list[None] = []
    subscriptions = new(failures)
    subscriptions.add([asked("a"), asked("b")], 0.0)
    for _ in range(2):
        subscriptions.take(0.0)
    assert ("b",) == subscriptions.answered(Ack(None, "b is none", subjects=("b",), again=False), 1.0)
    assert () == subscriptions.answered(Ack(None, subjects=("a",)), 1.0)
    assert subscriptions.settled
    assert 1 == len(failures)
    assert subscriptions.take(100.0) is None
