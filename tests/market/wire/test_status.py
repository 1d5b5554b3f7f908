"""Heartbeats, and the states of symbols."""

from typing import get_args

import pytest

from market.wire.codec import CodecError, decode_heartbeat, decode_states, encode_heartbeat, encode_states
from market.wire.status import MAX_CHANGES, Changes, SymbolState
from tests.market.samples import heartbeat, states, status


@pytest.mark.parametrize("source", ["binance-ws", "replay", "some-venue-of-a-newer-poller"])
@pytest.mark.parametrize("link", ["up", "down"])
def test_every_source_and_link_has_a_heartbeat(source: str, link: str) -> None:
    """Each source, also one this version does not know, can say of its link that it is up, or down and why."""
    original = heartbeat(source=source, link=link, reason="x" * 200)
    assert original == decode_heartbeat(encode_heartbeat(original))


@pytest.mark.parametrize("state", get_args(SymbolState))
def test_every_state_of_a_symbol_has_a_change(state: SymbolState) -> None:
    """Each state can be told as a change and in the full set."""
    told = status("ETHUSDT", state)
    change = heartbeat(states=Changes(version=8, since=7, symbols=[told]))
    assert change == decode_heartbeat(encode_heartbeat(change))
    whole = states(8, live=["BTCUSDT"], others=[told])
    assert whole == decode_states(encode_states(whole))


def test_a_heartbeat_stays_small() -> None:
    """A heartbeat with more changes than `MAX_CHANGES` is none; one with as many is below 20 KB."""
    few = [status(f"SYMBOL{number}", reason="r" * 200) for number in range(MAX_CHANGES)]
    payload = encode_heartbeat(heartbeat(states=Changes(version=8, since=7, symbols=few)))
    assert len(payload) < 20_000
    many = encode_heartbeat(heartbeat(states=Changes(version=8, since=7, symbols=[*few, status()])))
    with pytest.raises(CodecError):
        decode_heartbeat(many)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", encode_states(states()).replace(b"7", b'"7"')])
def test_what_is_no_set_of_states(payload: bytes) -> None:
    """Bytes that are not states in every part are one kind of error."""
    with pytest.raises(CodecError, match="not states"):
        decode_states(payload)
