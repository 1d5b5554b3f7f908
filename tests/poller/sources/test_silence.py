from poller.sources.silence import Silence, SilenceWatch

NOTHING = Silence((), (), ())


def test_heard_symbols_are_not_silent() -> None:
    """Who is heard within the patience is not named."""
    watch = SilenceWatch(["A", "B"], 60.0, 0.0)
    watch.heard("A", 50.0)
    watch.heard("B", 55.0)
    assert NOTHING == watch.review(100.0)


def test_never_heard_symbol_is_named_and_tried_again() -> None:
    """A symbol that the exchange answers with silence is named, and subscribed again once."""
    watch = SilenceWatch(["A", "B"], 60.0, 0.0)
    watch.heard("A", 50.0)
    assert Silence(("B",), ("B",), ()) == watch.review(60.0)
    assert Silence(("B",), (), ()) == watch.review(61.0)


def test_tries_get_rarer() -> None:
    """A symbol that stays silent is subscribed again after 1, 2, 4, ... times the patience."""
    watch = SilenceWatch(["A"], 10.0, 0.0)
    tries = [now for now in range(200) if watch.review(float(now)).resubscribe]
    assert [10, 20, 40, 80, 160] == tries


def test_symbol_once_heard_is_stuck_when_trying_did_not_help() -> None:
    """A symbol that this connection did hear and cannot get back asks for another connection."""
    watch = SilenceWatch(["A", "B"], 10.0, 0.0)
    watch.heard("A", 5.0)
    stuck = {now: silence.stuck for now in range(60) if (silence := watch.review(float(now))).stuck}
    assert {45: ("A",)} == stuck


def test_voice_ends_the_silence() -> None:
    """Once heard again, a symbol is no longer named, and its next silence is the first."""
    watch = SilenceWatch(["A"], 10.0, 0.0)
    watch.review(10.0)
    watch.heard("A", 12.0)
    assert NOTHING == watch.review(13.0)
    assert Silence(("A",), ("A",), ()) == watch.review(22.0)
