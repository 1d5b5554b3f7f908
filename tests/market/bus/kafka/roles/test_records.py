"""Records of both topics: what is written, and what is read of it."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from market.bus.broker import Batch
from market.bus.kafka.roles.records import Draft, Translator, drafts, last_drafts, mark_of, values_of
from market.bus.partitions import partition_of

COUNT = 3
IN = {number: next(f"a.{i}" for i in range(100) if partition_of(f"a.{i}", COUNT) == number) for number in range(COUNT)}
"""A topic of each partition."""


def record(draft: Draft) -> Any:
    """What a consumer is handed of ``draft``."""
    headers = [(name, value) for name, value in draft.headers or ()]
    return SimpleNamespace(
        key=lambda: draft.key, value=lambda: draft.value, partition=lambda: draft.partition, headers=lambda: headers
    )


def received(batch: Batch, topics: list[str]) -> list[tuple[str, bytes]]:
    """What a subscriber of ``topics`` gets of ``batch``."""
    translate = Translator(topics, COUNT)
    return [its for draft in drafts(batch, COUNT) for its in translate(record(draft))]


def test_each_partition_has_values_updates_events_and_the_barrier() -> None:
    """In this order."""
    batch = Batch([(IN[1], b"u")], [(IN[1], b"v")], ("b.1", b"beat"), [("1#e", b"e")])
    first = [draft for draft in drafts(batch, COUNT) if draft.partition == 1]
    assert [None, IN[1].encode(), b"1#e", b"b.1"] == [draft.key for draft in first]
    assert [b"b.1"] == [draft.key for draft in drafts(batch, COUNT) if draft.partition == 2]


def test_subscribers_get_what_they_named() -> None:
    """A barrier has as many copies as partitions: who names it without a partition gets that of the first."""
    batch = Batch([(IN[1], b"u")], [(IN[2], b"v")], (IN[2], b"beat"), [("1#e", b"e"), ("2#e", b"f")])
    assert [(IN[1], b"u")] == received(batch, [IN[1]])
    assert [(IN[2], b"beat")] == received(batch, [IN[2]])
    assert [(f"2#{IN[2]}", b"beat")] == received(batch, [f"2#{IN[2]}"])
    assert [(IN[2], b"beat"), (f"0#{IN[2]}", b"beat")] == received(batch, [IN[2], f"0#{IN[2]}"])
    assert [("1#e", b"e")] == received(batch, ["1#e", "e"])


def test_only_partitions_with_something_wanted_are_read() -> None:
    """At least one is, and none that there is not."""
    assert [0] == Translator([], COUNT).partitions
    assert [1, 2] == Translator(["1#e", "2#e", "7#e"], COUNT).partitions
    # It may be a barrier, and those of plain names are in the first.
    assert [0, 2] == Translator([IN[2]], COUNT).partitions


def test_values_are_packed_and_read_again() -> None:
    """Also more of them than one record takes; events and barriers are no last values."""
    values = [(f"a.{number}", b"%d" % number * 5_000) for number in range(200)]
    batch = Batch([(IN[1], b"u")], values, (IN[2], b"beat"), [("1#e", b"e")])
    written = list(drafts(batch, COUNT))
    assert all(len(draft.value) < 300_000 for draft in written)
    found = dict(its for draft in written for its in values_of(record(draft)))
    assert dict(values) | {IN[1]: b"u"} == found


def test_a_mark_is_read_again() -> None:
    """It is the last record, of its publisher alone."""
    *values, mark = last_drafts({"a.1": b"1", "a.2": b"2"}, "poller", [3, 0, 7])
    assert [(b"a.1", b"1"), (b"a.2", b"2")] == [(its.key, its.value) for its in values]
    assert [None, None] == [mark_of(record(its)) for its in values]
    found = mark_of(record(mark))
    assert found is not None
    assert (3, 0, 7) == found[1]
    (other,) = last_drafts({}, "poller.venue", [1])
    assert other.key != mark.key


def test_what_others_have_written_is_no_error() -> None:
    """Records without key or value, packs that cannot be read, marks that are none."""
    strange = [
        Draft(0, None, b"x"),
        Draft(0, b"a.1", None),  # type: ignore[arg-type] # a tombstone
        Draft(0, None, b"\xc1", [("values", b"")]),
        Draft(0, None, b"\x92\x01\x02", [("values", b"")]),
        Draft(0, b"\xff", b"x", [("barrier", None)]),
    ]
    translate = Translator(["a.1"], COUNT)
    for draft in strange:
        assert [] == list(values_of(record(draft)))
        assert [] == list(translate(record(draft)))
    assert mark_of(record(Draft(0, b"\0mark.x", b"", [("ticks", b"1,x")]))) is None
    assert mark_of(record(Draft(0, None, b"", [("ticks", b"1")]))) is None


def test_a_publisher_never_goes_back() -> None:
    """Packs of one partition keep the order of the values."""
    values = [("a.1", b"%06d" % number + b"x" * 9_000) for number in range(100)]
    numbers = [its[1] for draft in drafts(Batch(values=values), COUNT) for its in values_of(record(draft))]
    assert all(before < after for before, after in pairwise(numbers))
