"""What a poller publishes at once."""

from market.bus import Batch, in_partition, partition_of
from market.prices.tick import Tick
from market.wire.codec import encode_heartbeat, encode_states, encode_tick
from market.wire.tick_batch import MAX_TICKS, read_batch
from poller.publishing.tick_batches import TickBatches
from tests.market.samples import heartbeat, states, tick

SYMBOLS = [f"S{number}" for number in range(40)]


def batches(batch: Batch) -> list[tuple[str, int, list[Tick]]]:
    """Topic, number and ticks of each batch of ticks."""
    read = [(topic, read_batch(payload)) for topic, payload in batch.events]
    return [(topic, its.number, its.ticks) for topic, its in read]


def test_ticks_heartbeat_and_states() -> None:
    """Ticks go in a batch and on their own topics, in order; the heartbeat is the barrier; states are kept only."""
    ticks = [tick("A1", 1), tick("B1", 1), tick("A1", 2)]
    batch = TickBatches(1, symbol_channels=True).batch(ticks, heartbeat(), states())
    assert [("0#batch.binance", 0, ticks)] == batches(batch)
    assert [(f"tick.{its.symbol}", encode_tick(its)) for its in ticks] == batch.updates
    assert [("states", encode_states(states()))] == list(batch.values)
    assert ("feed.status", encode_heartbeat(heartbeat())) == batch.barrier


def test_without_channels_of_symbols() -> None:
    """Nothing goes on the symbols' topics; the newest tick of each is kept."""
    ticks = [tick("A1", 1), tick("B1", 1), tick("A1", 2)]
    batch = TickBatches(1, symbol_channels=False).batch(ticks, states=states())
    assert [("0#batch.binance", 0, ticks)] == batches(batch)
    assert () == batch.updates
    kept = {"tick.A1": encode_tick(ticks[2]), "tick.B1": encode_tick(ticks[1]), "states": encode_states(states())}
    assert (kept, 3) == (dict(batch.values), len(batch.values))
    assert batch.barrier is None


def test_nothing_to_publish() -> None:
    """Without ticks and heartbeat there is no message at all."""
    assert not any(TickBatches(4, symbol_channels=True).batch([]))


def test_each_symbol_stays_in_its_partition() -> None:
    """A batch goes to each partition that has ticks, with the ticks whose last values lie there, in their order."""
    subject = TickBatches(4, symbol_channels=True)
    ticks = [tick(symbol, seq) for seq in (1, 2) for symbol in SYMBOLS]
    for partition, (topic, number, its) in enumerate(batches(subject.batch(ticks))):
        assert (in_partition("batch.binance", partition), 0) == (topic, number)
        assert its == [one for one in ticks if partition_of(f"tick.{one.symbol}", 4) == partition]
    one = batches(subject.batch([tick("S1", 3)]))
    place = partition_of("tick.S1", 4)
    assert [(in_partition("batch.binance", place), 1, [tick("S1", 3)])] == one


def test_each_term_counts_from_zero() -> None:
    """Batches are numbered in each partition; another term begins again, under its own name."""
    subject = TickBatches(1, symbol_channels=False)
    subject.begin("we#1")
    first = [read_batch(subject.batch([tick()]).events[0][1]) for _ in range(3)]
    subject.begin("we#2")
    second = read_batch(subject.batch([tick()]).events[0][1])
    assert [("we#1", 0), ("we#1", 1), ("we#1", 2), ("we#2", 0)] == [(its.term, its.number) for its in [*first, second]]


def test_many_ticks_are_several_batches() -> None:
    """No batch is longer than what a gateway reads; all ticks are there, in order."""
    ticks = [tick("A1", number) for number in range(2 * MAX_TICKS + 1)]
    made = batches(TickBatches(1, symbol_channels=False).batch(ticks))
    assert [(0, MAX_TICKS), (1, MAX_TICKS), (2, 1)] == [(number, len(its)) for _, number, its in made]
    assert ticks == [its for _, _, part in made for its in part]


def test_another_venue_has_batches_of_its_own() -> None:
    """Batches of two venues do not meet."""
    batch = TickBatches(2, symbol_channels=False, venue="coinbase").batch([tick("coinbase:BTC-USD")])
    assert batch.events[0][0].endswith("#batch.coinbase")
