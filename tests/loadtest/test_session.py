"""Tests of `loadtest._session`, as transcripts."""

from typing import Any

import msgspec
import pytest

from loadtest._checks import Memory, TickError
from loadtest._session import ClientSession
from loadtest._tally import Tally

NOW_US = 1_800_000_000_000_000


class RecordingFindings:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.measures: list[tuple[str, float]] = []
        self.failures: list[tuple[str, str]] = []
        self.faults: list[TickError] = []
        self.feeds: list[tuple[bool, str, str]] = []
        self.shortages: list[tuple[int, int]] = []

    def measured(self, row: str, seconds: float) -> None:
        self.measures.append((row, seconds))

    def failed(self, row: str, reason: str) -> None:
        self.failures.append((row, reason))

    def noticed(self, tick_error: TickError, detail: str) -> None:
        self.faults.append(tick_error)

    def feed(self, *, stale: bool, reason: str, source: str) -> None:
        self.feeds.append((stale, reason, source))

    def fewer(self, held: int, wanted: int) -> None:
        self.shortages.append((held, wanted))


class Talk:
    """A session and everything around it."""

    def __init__(self, wanted: int = 2, memory: Memory | None = None, **options: Any) -> None:
        self.tally = Tally()
        self.findings = RecordingFindings()
        self.sent: list[Any] = []
        self.now_s = 50.0
        self.session = ClientSession(
            memory=memory or Memory(),
            tally=self.tally,
            findings=self.findings,
            send=lambda text: self.sent.append(msgspec.json.decode(text)),
            now_s=lambda: self.now_s,
            wanted=wanted,
            **options,
        )

    def hear(self, *messages: dict[str, Any] | bytes, at_us: int = NOW_US) -> None:
        payloads = [m if isinstance(m, bytes) else msgspec.json.encode(m) for m in messages]
        self.session.receive(payloads, at_us)

    def begin(self, *symbols: str) -> None:
        self.hear({"type": "welcome", "client": "c", "heartbeat_s": 20.0})
        self.hear({"type": "subscribed", "symbols": symbols})


def tick(seq: int, symbol: str = "A", kind: str = "tick", **fields: Any) -> dict[str, Any]:
    """Make a message with a price."""
    base = {"type": kind, "symbol": symbol, "seq": seq, "bid": 100, "ask": 101, "recv_us": NOW_US - 3_500}
    return base | {"price_scale": 2, "size_scale": 5} | fields


def test_a_user_subscribes_to_all_and_lets_the_rest_go() -> None:
    """It asks for every tick of everything, and unsubscribes what is more than it wanted."""
    talk = Talk(wanted=2)
    talk.begin("A", "B", "C", "D")
    assert [
        {"type": "subscribe", "symbols": ["*"], "conflate": False, "batch": False},
        {"type": "unsubscribe", "symbols": ["C", "D"]},
    ] == talk.sent
    assert ["A", "B"] == talk.session.names
    talk.hear(tick(1, "C"))
    assert [] == talk.findings.faults
    talk.hear({"type": "unsubscribed", "symbols": ["C", "D"]}, tick(2, "C"), tick(1, "A"))
    assert [TickError.UNASKED] == talk.findings.faults


def test_a_gateway_with_fewer_symbols_is_named() -> None:
    """Fewer than wanted is told, and all of them are held."""
    talk = Talk(wanted=100)
    talk.begin("A")
    assert [(1, 100)] == talk.findings.shortages
    assert 1 == len(talk.sent)


def test_a_second_connection_asks_for_what_the_first_held() -> None:
    """Names of an earlier connection are subscribed by name, and nothing is missed or let go."""
    talk = Talk(wanted=2, names=["A", "B"], batch=True)
    talk.begin("A", "B")
    assert [{"type": "subscribe", "symbols": ["A", "B"], "conflate": False, "batch": True}] == talk.sent
    assert [] == talk.findings.shortages


def test_connect_and_first_tick_are_measured() -> None:
    """`connect` lasts until welcome, `first tick` from there until the first price, be it a snapshot."""
    talk = Talk()
    talk.now_s = 50.25
    talk.hear({"type": "welcome", "client": "c", "heartbeat_s": 20.0})
    talk.now_s = 50.75
    talk.hear({"type": "subscribed", "symbols": ["A", "B"]}, tick(1, "A", "snapshot"), tick(2))
    assert [("connect", 0.25), ("first tick", 0.5)] == talk.findings.measures
    assert 20.0 == talk.session.heartbeat_s


def test_latency_is_counted_of_ticks_and_not_of_snapshots() -> None:
    """Each tick counts in its whole millisecond, singly or in a batch, first of its bytes or not."""
    memory = Memory()
    for talk in (Talk(memory=memory), Talk(memory=memory)):
        talk.begin("A", "B")
        talk.hear(tick(1, "A", "snapshot"), tick(2), tick(3, recv_us=NOW_US - 9_000), tick(4))
        talk.hear({"type": "ticks", "ticks": [tick(5), tick(6, recv_us=NOW_US)]})
        assert {3: 3, 9: 1, 0: 1} == talk.tally.latencies_ms
        assert {} == talk.tally.faults


@pytest.mark.parametrize("batch", [False, True])
def test_a_gap_is_found_on_the_fast_way_and_the_slow(batch: bool) -> None:
    """A skipped tick is a fault whether or not another user has seen the tick after it."""
    memory = Memory()
    after_gap = {"type": "ticks", "ticks": [tick(4)]} if batch else tick(4)
    for talk in (Talk(memory=memory), Talk(memory=memory)):
        talk.begin("A", "B")
        talk.hear(tick(1, "A", "snapshot"), tick(2), after_gap)
        assert [TickError.SKIPPED] == talk.findings.faults
        assert {TickError.SKIPPED: 1} == talk.tally.faults


def test_other_numbers_than_another_user_got_are_found() -> None:
    """The same seq with another price is wrong for whoever gets it second."""
    memory = Memory()
    first, second = Talk(memory=memory), Talk(memory=memory)
    for talk, bid in ((first, 100), (second, 99)):
        talk.begin("A", "B")
        talk.hear(tick(1, "A", "snapshot"), tick(2, bid=bid))
    assert ([], [TickError.DIFFERENT]) == (first.findings.faults, second.findings.faults)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(tick(2, bid=1.5), id="float"),
        pytest.param(tick(2, bid="100"), id="string"),
        pytest.param(tick(2, bid=-1), id="negative"),
        pytest.param(tick(2, bid=2**53), id="above 2^53 - 1"),
        pytest.param({"type": "tick", "symbol": "A"}, id="fields missing"),
        pytest.param({"type": "ticks", "ticks": [tick(2, ask=1e300)]}, id="float in a batch"),
        pytest.param({"type": "ticks", "ticks": 5}, id="batch that is none"),
    ],
)
def test_a_price_that_is_no_integer_is_wrong(payload: dict[str, Any]) -> None:
    """What is called a tick and is none is a wrong price."""
    talk = Talk()
    talk.begin("A", "B")
    talk.hear(tick(1, "A", "snapshot"), payload)
    assert [TickError.MALFORMED] == talk.findings.faults


@pytest.mark.parametrize("payload", [b"not JSON", b"\xff", b"[]", b'{"type":"weather"}'])
def test_what_is_no_message_of_the_protocol_is_a_failure(payload: bytes) -> None:
    """A message that cannot be understood fails in its own row and ends nothing."""
    talk = Talk()
    talk.begin("A", "B")
    talk.hear(payload, tick(1))
    assert ["refused"] == [row for row, _ in talk.findings.failures]
    assert 1 == sum(talk.tally.latencies_ms.values())


def test_an_outage_is_reported_and_its_gap_forgiven() -> None:
    """`stale` and `live` are passed on, and ticks lost between them are no gap."""
    talk = Talk()
    talk.begin("A", "B")
    talk.hear(tick(1, "A", "snapshot"))
    for feed, reason in (("stale", "bus lost"), ("live", "")):
        talk.hear({"type": "status", "feed": feed, "reason": reason, "source": "simulated", "since_us": 1})
    talk.hear(tick(9))
    assert [] == talk.findings.faults
    assert [(True, "bus lost", "simulated"), (False, "", "simulated")] == talk.findings.feeds


def test_the_state_of_a_symbol_is_no_failure() -> None:
    """Which symbols the exchange trades is not the gateway's doing; a state that there is not is no message."""
    talk = Talk()
    talk.begin("A", "B")
    status = {"type": "symbol_status", "symbol": "A", "state": "halted", "reason": "BREAK", "since_us": 1}
    talk.hear(tick(1, "A", "snapshot"), status, tick(2))
    assert ([], []) == (talk.findings.faults, talk.findings.failures)
    talk.hear(status | {"state": "asleep"})
    assert ["refused"] == [row for row, _ in talk.findings.failures]


def test_errors_and_conflation_are_failures() -> None:
    """An `error` answer, and a `lag` where every tick was asked for, fail."""
    talk = Talk()
    talk.hear({"type": "error", "code": "too_many_symbols", "message": "m"}, {"type": "lag", "conflated": 3})
    assert ["refused", "gap"] == [row for row, _ in talk.findings.failures]


def test_a_shutdown_is_noted_in_seconds() -> None:
    """The wait that a leaving gateway names is kept for whoever reconnects."""
    talk = Talk()
    talk.begin("A", "B")
    assert talk.session.reconnect_after_s is None
    talk.hear({"type": "shutdown", "reconnect_after_ms": 2500})
    assert 2.5 == talk.session.reconnect_after_s
