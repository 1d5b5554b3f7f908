"""What a client is told of the symbols that it holds."""

import msgspec

from gateway.client.channels import held_by_channel, unsubscribed


def test_what_is_held_is_listed_by_channel() -> None:
    """In the gateway's order; a channel without symbols is not named, but for ``ticker``."""
    topics = {"B@stats", "A@stats", "C"}
    told = held_by_channel(["A", "B", "C"], topics, 7)
    expected = {"type": "subscriptions", "symbols": ["C"], "channels": {"stats": ["A", "B"]}, "id": 7}
    assert expected == msgspec.to_builtins(told)
    told = held_by_channel(["A", "B"], {"B"}, msgspec.UNSET)
    assert {"type": "subscriptions", "symbols": ["B"]} == msgspec.to_builtins(told)


def test_what_is_lost_is_told_by_channel() -> None:
    """One notice for each that has lost any."""
    told = [msgspec.to_builtins(message) for message in unsubscribed({"B", "A", "A@stats"})]
    assert [
        {"type": "unsubscribed", "symbols": ["A", "B"]},
        {"type": "unsubscribed", "symbols": ["A"], "channel": "stats"},
    ] == told
    assert [] == unsubscribed(())
