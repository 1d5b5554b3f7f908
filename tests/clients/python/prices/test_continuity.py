"""Of symbols without `conflate`: every tick comes once and in order, or a gap says which is missing."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.clients.python.talks import Talk, price
from tickgate_client.events import Event, Gap
from tickgate_client.prices.continuity import Continuity
from tickgate_client.tick import Tick, tick_of

SYMBOLS = ("AUSDT", "BUSDT")


def take(continuity: Continuity, seq: int, *, snapshot: bool = False) -> tuple[Gap | None, bool]:
    """A tick of that number comes."""
    return continuity.take(tick_of(price("A", seq), snapshot=snapshot))


def test_a_jump_is_told_and_a_repeat_is_no_news() -> None:
    """So is a numbering that begins anew; the first tick follows nothing."""
    continuity = Continuity()
    assert (None, True) == take(continuity, 5, snapshot=True)
    assert (None, True) == take(continuity, 6)
    assert (None, False) == take(continuity, 6, snapshot=True)
    assert (Gap("A", 7, 8, "jump"), True) == take(continuity, 9)
    assert (Gap("A", 10, 19, "history"), True) == take(continuity, 20, snapshot=True)
    assert (Gap("A", 21, None, "jump"), True) == take(continuity, 3)
    assert {"A": 3} == continuity.since(["A", "B"])
    continuity.forget("A")
    assert {} == continuity.since(["A", "B"])
    assert (None, True) == take(continuity, 8)


def test_a_gap_of_the_gateway_is_continued_by_its_snapshot() -> None:
    """It is told once, also where nobody knows its end."""
    continuity = Continuity()
    take(continuity, 5)
    assert Gap("A", 6, 8, "history") == continuity.gap({"symbol": "A", "from_seq": 6, "to_seq": 8})
    assert (None, True) == take(continuity, 9, snapshot=True)
    assert Gap("A", 10, None, "history") == continuity.gap({"symbol": "A", "from_seq": 10})
    assert (None, True) == take(continuity, 2, snapshot=True)


class Market:
    """All that was published, and a gateway that has the newest of it, as docs/protocol.md describes one."""

    def __init__(self, talk: Talk) -> None:
        self.published: dict[str, list[int]] = {symbol: [1000] for symbol in SYMBOLS}
        self.talk = talk
        self.connected = False

    def publish(self, symbol: str, step: int = 1) -> None:
        """One tick more; a poller that takes over makes a larger step."""
        seq = self.published[symbol][-1] + step
        self.published[symbol].append(seq)
        if self.connected:
            self.talk.tick(symbol, seq)

    def cut(self) -> None:
        """The connection is lost."""
        if self.connected:
            self.talk.end()
            self.connected = False

    def let_in(self, kept: int) -> None:
        """Take a new connection, with so many ticks of each symbol kept."""
        if self.connected:
            return
        self.talk.go(60)
        self.talk.open()
        self.connected = True
        subscribe = self.talk.sent[-1] if self.talk.sent[-1]["type"] == "subscribe" else self.talk.sent[-2]
        self.talk.hear("subscribed", symbols=list(SYMBOLS), id=subscribe["id"])
        if (end := self.talk.sent[-1])["type"] == "ping":
            self.talk.hear("pong", id=end["id"])
        for symbol in SYMBOLS:
            self._resume(symbol, subscribe.get("since", {}).get(symbol), kept)

    def _resume(self, symbol: str, since: int | None, kept: int) -> None:
        published = self.published[symbol]
        if since is None:
            self.talk.tick(symbol, published[-1], "snapshot")
            return
        missed = published[published.index(since) + 1 :]
        if len(missed) <= kept:
            batch = {"type": "ticks", "ticks": [price(symbol, seq) for seq in missed]}
            self.talk.core.received(json.dumps(batch), self.talk.now)
            self.talk.take()
            return
        self.talk.hear("gap", symbol=symbol, from_seq=since + 1, to_seq=published[-1] - 1)
        self.talk.tick(symbol, published[-1], "snapshot")


STEPS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("take over"), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("cut")),
    st.tuples(st.just("let in"), st.integers(0, 6)),
    st.tuples(st.just("take"), st.integers(1, 5)),
)


@given(st.integers(1, 8), st.lists(STEPS, max_size=80))
def test_every_tick_is_there_once_or_in_a_gap(queue_size: int, script: list[tuple[str, ...]]) -> None:
    """Whatever is lost, however much of it gateways have, whoever takes over, and however slow the caller is."""
    talk = Talk(queue_size=queue_size)
    market, events = Market(talk), list[Event]()
    talk.ask("subscribe", *SYMBOLS, conflate=False)
    for step in script:
        match step:
            case "publish", symbol:
                market.publish(symbol)
            case "take over", symbol:
                market.publish(symbol, 500)
            case ("cut",):
                market.cut()
            case "let in", kept:
                market.let_in(int(kept))
            case "take", number:
                events += [event for _ in range(int(number)) if (event := talk.core.inbox.take()) is not None]
    market.let_in(3)
    events += talk.events()
    for symbol, published in market.published.items():
        own = [event for event in events if isinstance(event, Tick | Gap) and event.symbol == symbol]
        check(own, published)


def check(events: list[Tick | Gap], published: list[int]) -> None:
    """What the caller got is what was published, less what the gaps name."""
    numbers = [
        (event.seq, event.seq) if isinstance(event, Tick) else (event.from_seq, event.to_seq) for event in events
    ]
    for (_, before), (after, _) in pairwise(numbers):
        assert before is not None
        assert after == before + 1, "each continues the one before it"
    first, last = numbers[0][0], numbers[-1][1]
    assert last == published[-1]
    got = [event.seq for event in events if isinstance(event, Tick)]
    gaps = [event for event in events if isinstance(event, Gap)]
    missing = {seq for gap in gaps for seq in published if gap.from_seq <= seq <= (gap.to_seq or 0)}
    assert got == [seq for seq in published if seq >= first and seq not in missing], "in order, each once"
    jumps = [gap for gap in gaps if gap.cause == "jump"]
    assert not [seq for gap in jumps for seq in published if gap.from_seq <= seq <= (gap.to_seq or 0)]
