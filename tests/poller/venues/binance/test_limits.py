"""The defaults against what Binance documents: nobody should loosen one in passing."""

from poller.rest.timing import RestTiming
from poller.stream.timing import StreamTiming
from poller.venues.binance.dialect import LIMITS as OURS
from poller.venues.binance.dialect import batches
from poller.venues.binance.weight import SUMMARY_CHUNK, quotes_weight, summary_weight
from tests.exchange import Limits

LIMITS = Limits()
STREAMS = StreamTiming()


def test_defaults_keep_the_exchange_s_limits() -> None:
    """Streams, sizes, connection attempts and weight are at most what is allowed."""
    assert 2 * OURS.symbols_per_connection <= LIMITS.streams
    assert OURS.streams_per_message <= LIMITS.subscribe_streams
    assert OURS.bytes_per_message <= LIMITS.subscribe_bytes
    assert OURS.connects_per_window < LIMITS.connects
    assert OURS.connect_window_s >= LIMITS.connect_window_s
    assert RestTiming().weight_limit <= LIMITS.weight
    assert RestTiming().weight_window_s >= LIMITS.weight_window_s


def test_default_pace_leaves_room() -> None:
    """At half a second between messages no rolling second holds more than three of the five allowed."""
    assert 0.5 <= OURS.message_gap_s
    assert LIMITS.message_window_s / OURS.message_gap_s + 1 < LIMITS.messages


def test_connections_are_renewed_before_their_end() -> None:
    """The latest renewal leaves time for a successor that fails at first."""
    latest_s = OURS.renew_after_s + OURS.renew_jitter_s
    assert latest_s + 10 * STREAMS.ready_timeout_s < LIMITS.lifetime_s


def test_a_full_connection_can_become_ready() -> None:
    """Subscribing the most streams takes, at the pace allowed, far less than the time given for it."""
    streams = [f"{number:04d}symbolusdt@bookTicker" for number in range(2 * OURS.symbols_per_connection)]
    messages = len(list(batches("SUBSCRIBE", streams, OURS.streams_per_message, OURS.bytes_per_message)))
    assert messages * OURS.message_gap_s < STREAMS.ready_timeout_s / 4


def test_a_ping_has_time_for_its_answer() -> None:
    """A silent connection is pinged at half of its patience; the other half is longer than the pace of messages."""
    assert STREAMS.quiet_s / 2 >= 2 * OURS.message_gap_s + 2 * STREAMS.review_s


def test_questions_about_quiet_symbols_cost_little() -> None:
    """If all symbols are quiet for ever, asking about them takes less than a fiftieth of the weight."""
    quotes = 60 / STREAMS.doubts.gap_s * quotes_weight(2000)
    summaries = 60 / STREAMS.summary_doubts.gap_s * summary_weight(SUMMARY_CHUNK)
    assert quotes + summaries <= LIMITS.weight / 50


def test_a_dead_symbol_is_found_within_ten_seconds() -> None:
    """From its last word: until it is asked about, by the question, and until the stream has not followed."""
    doubts = STREAMS.doubts
    assert doubts.patience_s + doubts.confirm_s + 2 * STREAMS.review_s <= 10
