"""Tests of `loadtest.sessions._trade`, as transcripts."""

from typing import Any

import msgspec
import pytest

from loadtest.sessions._checks import TickError
from loadtest.sessions._tally import Tally
from loadtest.sessions._trade import TradeSession
from tests.loadtest.sessions.test_session import RecordingFindings


class Talk:
    """A session and everything around it."""

    def __init__(self, wanted: int = 2, names: list[str] | None = None) -> None:
        self.tally, self.findings, self.now_s = Tally(), RecordingFindings(), 50.0
        self.sent: list[Any] = []
        self.session = TradeSession(
            tally=self.tally,
            findings=self.findings,
            send=lambda text: self.sent.append(msgspec.json.decode(text)),
            now_s=lambda: self.now_s,
            wanted=wanted,
            names=names,
        )

    def hear(self, *payloads: bytes) -> None:
        self.session.receive(list(payloads), 0)


def test_it_subscribes_without_a_welcome_and_lets_the_rest_go() -> None:
    """The connection is measured when it is open; what is more than it wanted is unsubscribed, and wrong afterwards."""
    talk = Talk(wanted=1)
    talk.now_s = 50.25
    talk.session.opened()
    talk.now_s = 50.75
    price = b'{"symbol":"B","price":62520.15,"volume":5.2}'
    talk.hear(b'{"type":"subscribed","symbols":["A","B"],"id":1}', b'{"symbol":"A","price":1}', price)
    assert [
        {"type": "subscribe", "symbols": ["*"], "id": 1},
        {"type": "unsubscribe", "symbols": ["B"], "id": 2},
    ] == talk.sent
    assert [("connect", 0.25), ("first tick", 0.5)] == talk.findings.measures
    assert [] == talk.findings.faults
    talk.hear(b'{"type":"unsubscribed","symbols":["B"],"id":2}', price)
    assert [TickError.UNASKED] == talk.findings.faults
    assert 3 == talk.tally.untimed


def test_it_subscribes_again_to_what_it_held() -> None:
    """Names of an earlier connection are subscribed by name."""
    talk = Talk(names=["A"])
    talk.session.opened()
    talk.hear(b'{"type":"subscribed","symbols":["A"],"id":1}', b'{"symbol":"B","price":1}')
    assert ["A"] == talk.sent[0]["symbols"]
    assert [TickError.UNASKED] == talk.findings.faults


@pytest.mark.parametrize(
    "payload",
    [b'{"symbol":"A","price":"1.5"}', b'{"symbol":"A"}', b'{"symbol":"A","price":-1}', b"not JSON", b"\xff", b"[]"],
)
def test_a_price_that_is_no_number_is_wrong(payload: bytes) -> None:
    """Prices are JSON numbers, nothing else."""
    talk = Talk()
    talk.hear(payload)
    assert [TickError.MALFORMED] == talk.findings.faults


def test_a_refusal_is_a_failure() -> None:
    """An error, and a message with a type that there is not, count as refused; fewer symbols are told."""
    talk = Talk()
    talk.hear(b'{"type":"error","code":"rate_limited","message":"m"}', b'{"type":"weather"}')
    talk.hear(b'{"type":"subscribed","symbols":["A"],"id":1}')
    talk.hear(b'{"type":"error","code":"expired","message":"the close frame behind it counts"}')
    assert ["refused", "refused"] == [row for row, _ in talk.findings.failures]
    assert [(1, 2)] == talk.findings.shortages
