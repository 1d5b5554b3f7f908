"""Families as Prometheus' text."""

import asyncio

from market.metrics.exposition import LINES_A_TURN, expose
from market.metrics.family import Family, counter, counters, gauge, gauges, histogram, histograms
from market.metrics.histogram import Histogram
from tests.market.metrics.parsed import values_of
from tests.market.metrics.promtool import complaints


async def test_each_kind() -> None:
    """As Prometheus' parser reads it."""
    times = Histogram(1, 2, unit=1)
    times.observe(2)
    text = await expose(
        [
            counter("made", "Made so far.", 3),
            counters("seen", "Seen so far.", "kind", [("a", 1), ("b", 2)]),
            gauge("now", "Now.", True),
            gauges("each", "Of each.", "name", [("x", 0.5)]),
            histogram("times", "Times.", times),
            histograms("stages", "Times.", "stage", {"one": times}),
        ]
    )
    assert values_of(text) == {
        ("made_total",): 3,
        ("seen_total", "a"): 1,
        ("seen_total", "b"): 2,
        ("now",): 1,
        ("each", "x"): 0.5,
        ("times_bucket", "2"): 1,
        ("times_bucket", "4"): 1,
        ("times_bucket", "+Inf"): 1,
        ("times_sum",): 2,
        ("times_count",): 1,
        ("stages_bucket", "one", "2"): 1,
        ("stages_bucket", "one", "4"): 1,
        ("stages_bucket", "one", "+Inf"): 1,
        ("stages_sum", "one"): 2,
        ("stages_count", "one"): 1,
    }


async def test_any_name_can_be_a_label() -> None:
    """Symbols may have any character, and nobody can write lines of their own with one."""
    names = ['a"b', "a\\b", "a\nb 1", "币安人生USDT"]
    text = await expose([gauges("of", "Back\\slash\nand line.", "symbol", [(name, 1) for name in names])])
    assert {("of", name): 1 for name in names} == values_of(text)


async def test_others_have_their_turn() -> None:
    """After each so many lines: 10,000 symbols must not delay a price."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    text = await expose([gauges("of", "Of each.", "symbol", [(str(number), 1) for number in range(10_000)])])
    counting.cancel()
    assert 10_000 == len(values_of(text))
    assert turns >= 10_000 / LINES_A_TURN


async def test_promtool_finds_no_fault_unless_there_is_one() -> None:
    """Whatever the labels hold; a name against the conventions is found."""
    odd = [("a\nb", 1), ('"', 2), ("\\", 3), ("é{}", 4)]
    times = Histogram(1, 2, unit=1)
    fine = [gauges("each", "Of each.", "name", odd), histograms("stages_seconds", "Times.", "stage", {'"': times})]
    assert "" == complaints(await expose(fine))
    wrong = Family("made", "counter", "Made so far.", {(): 1})
    assert "_total" in complaints(await expose([*fine, wrong]))
    assert "parsing" in complaints(await expose(fine) + b"each{ 1\n")
