"""Tests of `loadtest.sessions._session`, as transcripts."""

from typing import Any

import msgspec
import pytest

from loadtest.sessions._checks import Memory, TickError
from loadtest.sessions._session import ClientSession
from loadtest.sessions._tally import Tally
from loadtest.users._kinds import KINDS, PLAIN, Kind

READERS = {"msgpack": msgspec.msgpack.decode}
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

    def __init__(self, wanted: int = 2, memory: Memory | None = None, kind: Kind = PLAIN, **options: Any) -> None:
        self.tally = Tally()
        self.findings = RecordingFindings()
        self.sent: list[Any] = []
        self.now_s = 50.0
        self.kind = kind
        self.session = ClientSession(
            memory=memory or Memory(),
            tally=self.tally,
            findings=self.findings,
            send=lambda text: self.sent.append(READERS.get(kind.name, msgspec.json.decode)(text)),
            kind=kind,
            now_s=lambda: self.now_s,
            wanted=wanted,
            **options,
        )

    def hear(self, *messages: dict[str, Any] | bytes, at_us: int = NOW_US) -> None:
        payloads = [m if isinstance(m, bytes) else self.kind.encoding.encode(m) for m in messages]
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


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("json", {"conflate": False, "batch": False}),
        ("batch", {"conflate": False, "batch": True}),
        ("deflate", {"conflate": False, "batch": True}),
        ("decimal", {"conflate": False, "batch": False, "numbers": "decimal"}),
        ("msgpack", {"conflate": False, "batch": False}),
        ("slow", {"conflate": True, "batch": False}),
    ],
)
def test_each_kind_asks_for_what_it_is(kind: str, options: dict[str, object]) -> None:
    """The options of the subscribe are the kind's."""
    talk = Talk(kind=KINDS[kind])
    talk.begin("A", "B")
    assert [{"type": "subscribe", "symbols": ["*"], **options}] == talk.sent


def test_users_of_each_encoding_are_compared_with_each_other() -> None:
    """One tick is the same in JSON, in MessagePack and with decimal strings, and other numbers are found in each."""
    memory = Memory()
    right = {"decimal": {"bid": "1.00", "ask": "1.01", "volume": "0.00005"}}
    wrong = {"decimal": {"bid": "0.99", "ask": "1.01", "volume": "0.00005"}}
    whole = ({"bid": 100, "volume": 5}, {"bid": 99, "volume": 5})
    for name in ("json", "msgpack", "decimal", "msgpack"):
        talk = Talk(memory=memory, kind=KINDS[name])
        talk.begin("A", "B")
        base = {"symbol": "A", "recv_us": NOW_US - 3_500}
        if name != "decimal":
            base |= {"ask": 101, "price_scale": 2, "size_scale": 5}
        snapshot = {"type": "snapshot", "seq": 1} | base | right.get(name, whole[0])
        talk.hear(snapshot, {"type": "tick", "seq": 2} | base | right.get(name, whole[0]))
        assert ([], {3: 1}) == (talk.findings.faults, talk.tally.latencies_ms)
        if name != "json":
            talk.hear({"type": "tick", "seq": 2} | base | wrong.get(name, whole[1]))
            assert [TickError.DIFFERENT] == talk.findings.faults


def test_a_slow_consumer_counts_what_it_missed() -> None:
    """For a slow reader `lag` and a jump are what it asked for."""
    talk = Talk(kind=KINDS["slow"])
    talk.begin("A", "B")
    talk.hear(tick(1, "A", "snapshot"), tick(9), {"type": "lag", "conflated": 7})
    assert ([], [], 7) == (talk.findings.failures, talk.findings.faults, talk.tally.conflated)


def test_a_token_is_renewed_when_the_gateway_says_so() -> None:
    """`expiring` is answered with another token and the renewal is measured, but not again within the same second."""
    talk = Talk(renewal=lambda: "another")
    talk.begin("A", "B")
    talk.hear({"type": "expiring", "expires_us": 1})
    talk.now_s += 0.5
    talk.hear({"type": "authenticated", "subject": "load-1"}, {"type": "expiring", "expires_us": 1})
    assert [{"type": "auth", "token": "another"}] == talk.sent[1:]
    assert ("renewal", 0.5) == talk.findings.measures[-1]
    talk.now_s += 1.0
    talk.hear({"type": "expiring", "expires_us": 1})
    assert 2 == len(talk.sent[1:])


def test_who_has_one_token_lets_it_expire() -> None:
    """Without another token `expiring` changes nothing; what the end is called is said by the close frame behind it."""
    talk = Talk()
    talk.begin("A", "B")
    talk.hear({"type": "expiring", "expires_us": 1})
    talk.hear({"type": "error", "code": "expired", "message": "m"})
    assert (1, []) == (len(talk.sent), talk.findings.failures)
