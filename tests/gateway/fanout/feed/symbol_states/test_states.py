"""The states of symbols, and which of them are news."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.fanout.feed.symbol_states.states import NOT_REPORTED, NOT_SERVED, UNREADABLE, SymbolStates
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus
from market.prices.symbols import parse_symbols
from market.wire.status import Changes, States, SymbolStatus
from tests.market.samples import states, status


class Setup:
    """The states of a gateway with three symbols, and what it passed on."""

    def __init__(self) -> None:
        self.held: dict[str, FramedStatus] = {}
        self.published: list[tuple[str, str, str, int]] = []
        self.counters = Counters()
        self.now_us = 1_000_000
        self.states = SymbolStates(
            parse_symbols("AAA,BBB,CCC"), self.held, self.publish, self.counters, now_us=lambda: self.now_us
        )

    def publish(self, changed: Sequence[FramedStatus]) -> None:
        for one in changed:
            message = one.message
            assert self.held[message.symbol] is one
            self.published.append((message.symbol, message.state, message.reason, message.since_us))

    def start(self, full: States) -> None:
        """A heartbeat, and the full set that it speaks of."""
        self.states.heartbeat_received(Changes(version=full.version, since=full.version))
        self.states.read(full)
        self.published.clear()


def change(version: int, *symbols: SymbolStatus, since: int | None = None) -> Changes:
    """Make the change to this version, by default from the one before."""
    return Changes(version=version, since=version - 1 if since is None else since, symbols=list(symbols))


def test_the_full_set_says_what_is_not_live_and_what_nobody_serves() -> None:
    """Live symbols, and symbols of others, are not reported."""
    setup = Setup()
    setup.states.heartbeat_received(change(7, since=7))
    assert setup.states.outdated
    setup.states.read(states(7, live=["AAA"], others=[status("BBB", since_us=5), status("XXX")]))
    assert not setup.states.outdated
    assert [("BBB", "halted", "because", 5), ("CCC", "unknown", NOT_SERVED, 1_000_000)] == setup.published
    assert ["live", "halted", "unknown"] == list(map(setup.states.state_of, ["AAA", "BBB", "CCC"]))
    assert {"live": 1, "stale": 0, "halted": 1, "delisted": 0, "unknown": 1} == setup.states.counts()
    assert {"halted": 1, "unknown": 1} == setup.counters.state_changes


def test_the_same_again_is_no_news() -> None:
    """An equal state with another version is not reported; another reason or time is."""
    setup = Setup()
    setup.start(states(7, live=["AAA"], others=[status("BBB")]))
    setup.now_us += 5
    setup.states.heartbeat_received(change(20, since=20))
    setup.states.read(states(20, live=["AAA"], others=[status("BBB")]))
    setup.states.heartbeat_received(change(21, status("BBB"), status("AAA", "live", reason="", since_us=4)))
    assert [] == setup.published
    setup.states.heartbeat_received(change(22, status("BBB", reason="another")))
    setup.states.heartbeat_received(change(23, status("BBB", reason="another", since_us=9)))
    assert [("BBB", "halted", "another", 1_700_000_000_000_000), ("BBB", "halted", "another", 9)] == setup.published


def test_live_with_something_to_say_is_told_until_there_is_nothing() -> None:
    """A live symbol's reason is reported when it comes and when it goes."""
    setup = Setup()
    everything = ["AAA", "BBB", "CCC"]
    setup.start(states(7, live=everything))
    setup.states.heartbeat_received(change(8, status("AAA", "live", reason="no volume", since_us=5)))
    setup.states.heartbeat_received(change(9, since=9))
    setup.states.read(states(9, live=everything))
    assert [("AAA", "live", "no volume", 5), ("AAA", "live", "", 1_000_000)] == setup.published


def test_of_two_words_on_one_symbol_the_later_counts() -> None:
    """Of two changes of one symbol the later counts, even if only the earlier would be news."""
    setup = Setup()
    setup.start(states(7, live=["AAA", "BBB", "CCC"]))
    setup.states.heartbeat_received(change(8, status("AAA"), status("AAA", "live", reason="")))
    assert [] == setup.published


def test_what_is_held_is_asked_for_again_only_where_a_heartbeat_says_so() -> None:
    """The full set is read again only if a heartbeat does not fit the held version."""
    setup = Setup()
    setup.start(states(7, live=["AAA", "BBB", "CCC"]))
    setup.states.heartbeat_received(change(7))
    setup.states.heartbeat_received(change(8))
    assert not setup.states.outdated
    for skipped in (change(10), change(11, since=11), change(5, since=5)):
        setup.states.heartbeat_received(skipped)
        assert setup.states.outdated
    setup.states.heartbeat_received(change(8))
    assert not setup.states.outdated


def test_what_the_store_had_counts_only_with_a_heartbeat_of_its_version() -> None:
    """A set from the store counts only when a heartbeat confirms its version."""
    for heartbeat, expected in ((change(7), False), (change(8, since=7), False), (change(30, since=29), True)):
        setup = Setup()
        setup.states.read(states(7, live=["AAA", "BBB"]))
        assert [] == setup.published
        setup.states.heartbeat_received(heartbeat)
        assert expected == setup.states.outdated
        assert [("CCC", "unknown", NOT_SERVED, 1_000_000)][: not expected] == setup.published


def test_what_cannot_be_read_here_is_stale_whatever_the_poller_says() -> None:
    """An unreadable symbol is stale until it is readable; a halt comes first, and other symbols are not affected."""
    setup = Setup()
    setup.start(states(7, live=["AAA", "BBB", "CCC"], others=[]))
    for _ in range(3):
        setup.states.unreadable({"AAA", "BBB"})
        setup.now_us += 1
    assert [("AAA", "stale", UNREADABLE, 1_000_000), ("BBB", "stale", UNREADABLE, 1_000_000)] == sorted(setup.published)
    setup.published.clear()
    setup.states.heartbeat_received(
        change(8, status("AAA", "halted", since_us=5), status("BBB", "live", reason="", since_us=6))
    )
    assert [("AAA", "halted", "because", 5)] == setup.published
    setup.states.unreadable({"AAA"})
    setup.states.heartbeat_received(change(9, status("AAA", "live", reason="", since_us=7)))
    assert [("BBB", "live", "", 6), ("AAA", "stale", UNREADABLE, 1_000_000)] == setup.published[1:]
    setup.states.unreadable(())
    assert ("AAA", "live", "", 7) == setup.published[-1]
    setup.states.serve(parse_symbols("BBB"))
    setup.states.unreadable(())
    assert 4 == len(setup.published)


def test_a_poller_that_tells_no_states_takes_back_what_was_told() -> None:
    """A poller without states takes back earlier ones once; the store's set no longer counts."""
    setup = Setup()
    setup.start(states(7, live=["AAA", "CCC"], others=[status("BBB", "stale")]))
    setup.states.read(states(8, live=[]))
    for _ in range(3):
        setup.states.heartbeat_received(UNSET)
    assert [("BBB", "live", NOT_REPORTED, 1_000_000)] == setup.published
    assert {0} == set(setup.states.counts().values())
    assert not setup.states.outdated


names = st.sampled_from(["AAA", "BBB", "CCC", "XXX"])
words = st.sampled_from(["live", "stale", "halted", "delisted"])
happenings = st.one_of(
    st.tuples(st.just("change"), st.dictionaries(names, words, min_size=1)),
    st.tuples(st.just("takeover"), st.dictionaries(names, words)),
    st.tuples(st.just("beat")),
    st.tuples(st.just("read")),
    st.tuples(st.just("read late")),
    st.tuples(st.just("link")),
)


@given(st.lists(happenings, max_size=40), st.integers(0, 3))
def test_with_the_newest_heartbeat_and_the_store_what_is_held_is_true(
    story: list[tuple[object, ...]], at_most: int
) -> None:
    """After any missed or late heartbeats and reads, each symbol ends with the poller's state, or none."""
    setup, published = Setup(), setup_truth()
    version = since = 100
    changes: list[SymbolStatus] = []
    late: tuple[int | None, States] | None = None

    def stored() -> States:
        live = [symbol for symbol, word in published.items() if word.state == "live"]
        return states(version, live=live, others=[word for word in published.values() if word.state != "live"])

    def heartbeat() -> Changes:
        return change(version, *changes, since=since)

    for number, (what, *of) in enumerate([*story, ("beat",), ("read",), ("beat",)]):
        match what, of:
            case ("change", [dict(new)]):
                since, version = version, version + 1
                changes = [status(symbol, state, reason="", since_us=number) for symbol, state in new.items()]
                published.update((one.symbol, one) for one in changes)
                if len(changes) > at_most:
                    since, changes = version, []
            case ("takeover", [dict(new)]):
                version = since = version + 1000
                changes = []
                published = {symbol: status(symbol, state, reason="", since_us=number) for symbol, state in new.items()}
            case ("beat", _):
                setup.states.heartbeat_received(heartbeat())
            case ("read", _):
                setup.states.read(stored())
            case ("link", _):
                # What is under way over the old link comes to nothing.
                late = None
                setup.states.read(stored())
            case ("read late", _):
                # As the feed does it: what was read is of no use where heartbeats have brought something newer.
                if late is not None and late[0] == setup.states.version:
                    setup.states.read(late[1])
                late = setup.states.version, stored()
    for symbol in ("AAA", "BBB", "CCC"):
        word = published.get(symbol)
        assert (word.state if word else "unknown") == setup.states.state_of(symbol)
    assert not setup.states.outdated


def setup_truth() -> dict[str, SymbolStatus]:
    """Begin with three symbols that are live."""
    return {symbol: status(symbol, "live", reason="", since_us=1) for symbol in ("AAA", "BBB", "XXX")}


def test_names_of_others_and_names_without_end_change_nothing() -> None:
    """Of a full set of any length only this gateway's symbols count, each once, with its last state."""
    setup = Setup()
    setup.states.heartbeat_received(change(7, since=7))
    others = [status("BBB", "stale"), status("BBB", "halted", since_us=5), *map(status, map(str, range(1000)))]
    setup.states.read(states(7, live=["AAA", "OTHER"] * 100_000, others=others))
    assert [("BBB", "halted", "because", 5), ("CCC", "unknown", NOT_SERVED, 1_000_000)] == setup.published
    assert {"AAA", "BBB", "CCC"} == setup.states._reported.keys()
