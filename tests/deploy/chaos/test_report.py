"""What a fault did, for people."""

from msgspec.structs import replace

from deploy.chaos.faults import FAULTS
from deploy.chaos.observer import Sight
from deploy.chaos.report import lines, page, verdict
from deploy.chaos.trial import NotMade, Outcome

SIGHT = Sight([(0.0, 0.1, 0.1), (0.1, 2.9, 9.0), (0.2, 0.0, 0.1)])
KEPT = Outcome(FAULTS[0], "gateway <b>", 2.9, 9.0, 5, is_over=True, is_back=True, sight=SIGHT)


def test_each_broken_promise_has_its_words() -> None:
    """Silence that is announced is kept."""
    assert "kept" == verdict(KEPT)
    assert "BROKEN: old prices were called live" == verdict(replace(KEPT, called_live_s=3.6))
    assert "BROKEN: clients were not well again" == verdict(replace(KEPT, is_over=False))
    assert "BROKEN: the process did not come back" == verdict(replace(KEPT, is_back=False))
    (line,) = lines([KEPT])
    assert line.startswith("a gateway is frozen (gateway <b>): oldest price called live 2.9 s, without a price 9.0 s")


def test_a_page_needs_nothing_else_and_shows_what_it_is_told_as_text() -> None:
    """A row and a chart for each."""
    text = page([KEPT, replace(KEPT, is_over=False)], "ws://h/<ws>", 20)
    assert (2, 4) == (text.count("<svg"), text.count("<polyline"))
    assert "2 faults, 1 with a promise broken; 0 not made" in text
    assert "gateway &lt;b&gt;" in text
    assert "<ws>" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_what_was_not_made_is_no_promise_kept() -> None:
    """It has a row of its own, and counts for nothing else."""
    none = NotMade(FAULTS[3], "only root may <do> it")
    assert ["a gateway's connections to the bus are cut: not made, because only root may <do> it"] == list(
        lines([none])
    )
    text = page([KEPT, none], "ws://h/ws", 20)
    assert "not made, because only root may &lt;do&gt; it" in text
    assert "1 faults, 0 with a promise broken; 1 not made" in text
    assert 1 == text.count('class="kept"')
