"""The requests of a stream connection."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from poller.sources.backoff import Backoff
from poller.sources.binance import Reply
from poller.sources.binance_timing import StreamTiming
from poller.sources.subscriptions import Subscriptions, batches

TIMING = StreamTiming(reply_timeout_s=10.0)


def new(failures: list[None] | None = None, **timing: float) -> Subscriptions:
    """Make the subscriptions of one connection."""
    failed = (failures if failures is not None else []).append
    return Subscriptions(
        structs.replace(TIMING, **timing), lambda: Backoff(1.0, 30.0, random.Random(1)), lambda: failed(None)
    )


def request(message: bytes | None) -> Any:
    """Read a request."""
    assert message is not None
    return json.loads(message)


@given(st.lists(st.integers(2, 60), max_size=1100), st.sampled_from(["0", "币", "é", '"', "𝄞"]))
def test_batches_keep_both_limits(lengths: list[int], filler: str) -> None:
    """No SUBSCRIBE has more than 200 streams or 4,096 bytes, and together they name each stream once, in order."""
    streams = [f"{number}".rjust(length, filler) for number, length in enumerate(lengths)]
    parts = list(batches("SUBSCRIBE", streams, 200, 4096))
    assert streams == [stream for part in parts for stream in part]
    for part in parts:
        request = {"method": "SUBSCRIBE", "params": part, "id": 10**9}
        assert len(part) <= 200
        assert len(json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()) <= 4096


def test_request_is_as_documented() -> None:
    """A SUBSCRIBE names its streams and carries a number."""
    subscriptions = new()
    subscriptions.add("SUBSCRIBE", ["btcusdt@bookTicker", "btcusdt@miniTicker"], 0.0)
    assert {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@bookTicker", "btcusdt@miniTicker"],
        "id": 1,
    } == request(subscriptions.take(0.0))
    assert subscriptions.take(0.0) is None


def test_settled_when_all_is_granted() -> None:
    """Only when every request was answered with yes is everything settled."""
    subscriptions = new(streams_per_message=1)
    subscriptions.add("SUBSCRIBE", ["a@bookTicker", "b@bookTicker"], 0.0)
    for _ in range(2):
        subscriptions.take(0.0)
    subscriptions.answered(Reply(2, ""), 1.0)
    assert not subscriptions.settled
    subscriptions.answered(Reply(1, ""), 1.0)
    assert subscriptions.settled


@pytest.mark.parametrize("reply", [Reply(1, "4: Too many subscriptions"), Reply(None, "2: Invalid request")])
def test_refused_request_is_repeated_later(reply: Reply) -> None:
    """An error, with the request's number or without, is counted, and the request goes out again after a pause."""
    failures: list[None] = []
    subscriptions = new(failures)
    subscriptions.add("SUBSCRIBE", ["a@bookTicker"], 0.0)
    subscriptions.take(0.0)
    subscriptions.answered(reply, 5.0)
    assert 1 == len(failures)
    assert 5.0 < subscriptions.due() <= 6.0
    assert subscriptions.take(5.0) is None
    assert ["a@bookTicker"] == request(subscriptions.take(6.0))["params"]


def test_unanswered_request_is_repeated_later() -> None:
    """Silence for the reply timeout counts as a refusal."""
    failures: list[None] = []
    subscriptions = new(failures)
    subscriptions.add("SUBSCRIBE", ["a@bookTicker"], 0.0)
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
    subscriptions.add("UNSUBSCRIBE", ["a@bookTicker"], 0.0)
    subscriptions.take(0.0)
    subscriptions.answered(Reply(1, "2: no"), 0.0)
    assert subscriptions.settled


def test_unknown_answers_change_nothing() -> None:
    """An answer to nothing that was asked is ignored."""
    subscriptions = new()
    subscriptions.answered(Reply(77, "what?"), 0.0)
    subscriptions.answered(Reply(None, "what?"), 0.0)
    assert subscriptions.settled
    assert float("inf") == subscriptions.due()
