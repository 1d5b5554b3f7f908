"""What a client is told of the symbols that it holds, or no longer holds, channel by channel."""

from collections.abc import Collection, Iterable

from msgspec import UNSET, UnsetType

from gateway.protocol.channels import CHANNELS, TICKER, Channel, symbols_in
from gateway.protocol.messages import Id, Subscriptions, Unsubscribed


def held_by_channel(symbols: Iterable[str], topics: Collection[str], command_id: Id | UnsetType) -> Subscriptions:
    """The answer to ``list`` of a client that holds ``topics``: in the order of ``symbols``."""
    ticker = [symbol for symbol in symbols if symbol in topics]
    others: dict[Channel, list[str]] = {}
    if len(ticker) < len(topics):
        found = {channel: symbols_in(channel, topics) for channel in CHANNELS if channel != TICKER}
        others = {channel: [symbol for symbol in symbols if symbol in its] for channel, its in found.items() if its}
    return Subscriptions(symbols=ticker, channels=others or UNSET, id=command_id)


def unsubscribed(topics: Collection[str]) -> list[Unsubscribed]:
    """The notices to a client that holds ``topics`` no longer: one for each channel that has any."""
    found = {channel: symbols_in(channel, topics) for channel in CHANNELS}
    return [
        Unsubscribed(symbols=sorted(symbols), channel=UNSET if channel == TICKER else channel)
        for channel, symbols in found.items()
        if symbols
    ]
