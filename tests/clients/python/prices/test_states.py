"""Whether a price is current."""

from tests.clients.python.talks import WALL_US, Talk
from tickgate_client.events import State
from tickgate_client.tick import Tick

STALE, LIVE = ("BTCUSDT", "stale"), ("BTCUSDT", "live")


def live(*symbols: str) -> Talk:
    """A connection with a price of each symbol, and nothing told that is not taken."""
    talk = Talk()
    talk.open("binance", "coinbase")
    talk.subscribe(*(symbols or ("BTCUSDT",)))
    for symbol in symbols or ("BTCUSDT",):
        talk.tick(symbol, 1, "snapshot")
    talk.events()
    return talk


def test_a_symbol_is_live_behind_its_first_price() -> None:
    """Not before: what the caller has is old until then, or nothing."""
    talk = Talk()
    talk.open()
    talk.subscribe("BTCUSDT")
    assert "stale" == talk.core.board.states["BTCUSDT"].state
    talk.events()
    talk.tick("BTCUSDT", 1, "snapshot")
    tick, state = talk.events()
    assert isinstance(tick, Tick)
    assert State("BTCUSDT", "live", source="simulated") == state
    assert talk.core.board.states["BTCUSDT"].live


def test_a_venue_speaks_for_its_symbols_and_for_no_others() -> None:
    """Names of other venues have them in front."""
    talk = live("BTCUSDT", "coinbase:BTC-USD")
    talk.hear("status", venue="coinbase", feed="stale", reason="the poller is silent", since_us=5)
    (state,) = talk.events()
    assert State("coinbase:BTC-USD", "stale", "the poller is silent") == state
    talk.hear("status", venue="coinbase", feed="live", reason="", since_us=6)
    assert [("coinbase:BTC-USD", "live")] == talk.states()


def test_a_symbol_that_is_halted_stays_so_while_its_venue_comes_and_goes() -> None:
    """The gateway tells it once."""
    talk = live()
    talk.hear("symbol_status", symbol="BTCUSDT", state="halted", reason="BREAK", since_us=5)
    assert [("BTCUSDT", "halted")] == talk.states()
    talk.hear("status", venue="binance", feed="stale", reason="", since_us=6)
    talk.hear("status", venue="binance", feed="live", reason="", since_us=7)
    assert [("BTCUSDT", "halted")] == talk.states()[-1:]


def test_a_lost_connection_is_told_at_once_and_of_each_symbol() -> None:
    """What was said before holds no more; each symbol is live again behind its own first price."""
    talk = live("BTCUSDT", "ETHUSDT")
    talk.end(None, "lost")
    assert [STALE, ("ETHUSDT", "stale")] == talk.states()
    talk.go(1)
    talk.open()
    assert [] == talk.states()
    talk.confirm("BTCUSDT", "ETHUSDT")
    talk.states()
    talk.tick("ETHUSDT", 9, "snapshot")
    assert [("ETHUSDT", "live")] == talk.states()
    assert "stale" == talk.core.board.states["BTCUSDT"].state


def test_a_silent_gateway_is_told_within_three_seconds_and_forgiven_if_it_speaks() -> None:
    """A frozen one closes nothing."""
    talk = live()
    talk.go(10)
    assert [] == talk.states()
    talk.alive = False
    talk.go(0.3)
    talk.hear("pong", id="x")
    talk.go(2.49)
    assert [] == talk.states()
    talk.go(0.02)
    assert [STALE] == talk.states()
    talk.hear("pong", id="x")
    assert [LIVE] == talk.states()
    talk.go(5.01)
    assert (1, 1) == (talk.leaves, [STALE].count(*talk.states()))


def test_a_gateway_that_goes_away_as_planned_is_no_news() -> None:
    """The next connection has current prices within a moment; nobody is alarmed."""
    talk = live()
    talk.hear("shutdown", reconnect_after_ms=400)
    talk.go(0.4)
    talk.take()
    assert (1, 2) == (talk.leaves, talk.dials)
    talk.go(0.1)
    talk.open()
    talk.confirm("BTCUSDT")
    talk.tick("BTCUSDT", 2, "snapshot")
    assert [] == talk.states()
    assert talk.core.board.states["BTCUSDT"].live
    talk.end(None, "lost")
    assert [STALE] == talk.states()


def test_a_planned_change_that_takes_too_long_is_news() -> None:
    """Within three seconds of the last connection's end."""
    talk = live()
    talk.hear("shutdown", reconnect_after_ms=0)
    talk.go(0)
    talk.core.refused("nobody listens", talk.now)
    talk.go(2.4)
    assert [] == talk.states()
    talk.go(0.2)
    assert [STALE] == talk.states()
    assert "no connection" in talk.core.board.states["BTCUSDT"].reason


def resumed(*ages_s: float) -> Talk:
    """A connection that goes on where the last one was; prices so old come from before."""
    talk = Talk()
    talk.open()
    talk.subscribe("BTCUSDT", conflate=False)
    talk.tick("BTCUSDT", 1, "snapshot")
    talk.end()
    talk.go(60)
    talk.open()
    talk.confirm("BTCUSDT")
    talk.events()
    for number, age_s in enumerate(ages_s):
        talk.tick("BTCUSDT", 2 + number, recv_us=WALL_US + round((talk.now - age_s) * 1e6))
        talk.go(0.1)
    return talk


def test_prices_that_were_missed_are_not_current() -> None:
    """All of them come; the symbol is live with the first one that is new."""
    talk = resumed(59, 40, 20, 2)
    assert [] == talk.states()
    assert not talk.core.board.states["BTCUSDT"].live
    talk.tick("BTCUSDT", 6, recv_us=WALL_US + round(talk.now * 1e6))
    assert [LIVE] == talk.states()


def test_a_symbol_without_news_is_current_after_a_moment() -> None:
    """Nothing was missed, or what was missed has come: nothing else follows for a while."""
    for talk in (resumed(), resumed(59, 40)):
        talk.go(0.6)
        assert [] == talk.states()
        talk.go(0.2)
        assert [LIVE] == talk.states()


def test_a_pollers_clock_that_is_behind_keeps_no_price_from_being_current() -> None:
    """All its prices look old, for ever."""
    assert [LIVE] == resumed(*[5.0] * 110).states()


def test_a_symbol_that_is_served_no_more_is_unknown() -> None:
    """Told while connected, or found out on the next connection."""
    talk = live("BTCUSDT", "ETHUSDT")
    talk.hear("symbol_status", symbol="ETHUSDT", state="unknown", reason="not served", since_us=5)
    talk.hear("unsubscribed", symbols=["ETHUSDT"])
    assert [("ETHUSDT", "unknown")] == talk.states()
    talk.end()
    talk.go(1)
    talk.open()
    mark = talk.sent[-1]["id"]
    talk.hear("subscribed", symbols=["BTCUSDT"], id=mark)
    talk.hear("error", code="unknown_symbol", message="unknown symbol: 'ETHUSDT'", id=mark)
    assert "unknown" == talk.core.board.states["ETHUSDT"].state


def test_what_is_unsubscribed_has_no_state() -> None:
    """Nobody is told of it any more."""
    talk = live("BTCUSDT", "ETHUSDT")
    number = talk.ask("unsubscribe", "ETH")
    talk.hear("unsubscribed", symbols=["ETHUSDT"], id=f"{number}.0")
    talk.hear("pong", id=f"{number}.end")
    assert {number: ["ETHUSDT"]} == {number: talk.answers()[number]}
    talk.end()
    assert [STALE] == talk.states()
    assert ["BTCUSDT"] == list(talk.core.board.states)
    assert ["BTCUSDT"] == list(talk.core.prices.newest)


def test_the_end_of_a_stream_leaves_no_price_current() -> None:
    """Whoever still looks is told why."""
    talk = live()
    talk.core.close()
    assert "the stream is closed" == talk.core.board.states["BTCUSDT"].reason
