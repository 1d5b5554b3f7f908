"""Topics of channels."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.channels import CHANNELS, STATS, TICKER, channel_of, symbol_of, symbols_in, topic_of
from market.prices.symbols import is_symbol

names = st.text(min_size=1, max_size=20).filter(is_symbol)


def test_the_topic_of_a_ticker_is_the_symbol_itself() -> None:
    """The same object: many clients' sets share it."""
    symbol = "coinbase:BTC-USD"
    assert topic_of(TICKER, symbol) is symbol
    assert ("BTCUSDT@stats", ("ticker", "stats")) == (topic_of(STATS, "BTCUSDT"), CHANNELS)


@given(names)
def test_a_topic_says_symbol_and_channel(symbol: str) -> None:
    """And no topic of another channel is a symbol."""
    topics = {channel: topic_of(channel, symbol) for channel in CHANNELS}
    assert topics.keys() == {channel_of(topic) for topic in topics.values()}
    assert {symbol} == set(map(symbol_of, topics.values()))
    assert [TICKER] == [channel for channel, topic in topics.items() if is_symbol(topic)]
    for channel, topic in topics.items():
        assert channel == channel_of(topic)


def test_the_symbols_of_one_channel() -> None:
    """Of topics of several."""
    topics = {"BTCUSDT", "ETHUSDT@stats", "BTCUSDT@stats"}
    assert [{"BTCUSDT"}, {"BTCUSDT", "ETHUSDT"}] == [symbols_in(channel, topics) for channel in CHANNELS]
