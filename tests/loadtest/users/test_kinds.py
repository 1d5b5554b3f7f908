"""Tests of `loadtest.users._kinds`."""

from collections import Counter

import pytest

from gateway.protocol.encodings import AT
from gateway.protocol.msgpack_encoding import MSGPACK
from loadtest.users._kinds import KINDS, PLAIN, Mix, shares_of


def test_shares_are_read_in_their_order() -> None:
    """A mix names kinds and whole shares."""
    assert {KINDS["json"]: 6, KINDS["slow"]: 1} == shares_of("json=6, slow=1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("xml=1", "'xml' is no kind of user; there are json, batch, deflate, decimal, msgpack, trade, stream, slow"),
        ("json=1,json=2", "'json' is there twice"),
        ("json", "the share of 'json' must be a whole number of 1 or more, as in json=1"),
        ("slow=0", "the share of 'slow' must be a whole number of 1 or more, as in slow=1"),
        ("slow=²", "the share of 'slow' must be a whole number of 1 or more, as in slow=1"),
        ("", "'' is no kind of user; there are json, batch, deflate, decimal, msgpack, trade, stream, slow"),
    ],
)
def test_a_mix_that_is_none_is_refused(text: str, why: str) -> None:
    """What is wrong with a mix is named."""
    with pytest.raises(ValueError, match=r".") as error:
        shares_of(text)
    assert why == str(error.value)


def test_users_are_mixed_as_the_shares_say_while_they_come_and_go() -> None:
    """No kind is ever further than one user from its share, when users start, and when others take their places."""
    shares = shares_of("json=6,msgpack=3,slow=1")
    mix, running = Mix(shares), Counter[str]()
    for number in range(1, 101):
        running[mix.take().name] += 1
        for kind, share in shares.items():
            assert abs(running[kind.name] - number * share / 10) < 1
    for _ in range(40):
        mix.give_back(PLAIN)
    assert {"json": 40} == Counter(mix.take().name for _ in range(40))


def test_only_plain_rows_have_their_bare_names() -> None:
    """Ages of slow readers are never those of others."""
    assert ["connect", "connect (slow)"] == [PLAIN.row("connect"), KINDS["slow"].row("connect")]


def test_the_gateway_has_what_the_kinds_ask_for() -> None:
    """The names of the path and of the subprotocol are the gateway's own."""
    assert KINDS["trade"].path in AT
    assert MSGPACK.subprotocol == KINDS["msgpack"].subprotocol
