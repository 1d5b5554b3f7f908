"""Sessions as transcripts: a message in, replies and subscriptions out. No sockets."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits.buckets import Limits
from gateway.auth.grant import ANONYMOUS, Grant
from gateway.client.costs import of_unknown
from gateway.client.session import Outcome, Session
from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.slow.backlog import topics_of
from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from gateway.websocket.close_codes import CloseReason
from market.prices.symbols import Symbols, parse_symbols

SYMBOLS = parse_symbols("BTCUSDT,ETHUSDT,SOLUSDT")
UNKNOWN = 'unknown symbol: \'NOPE\'; {"type":"symbols"} lists what there is'


def session(
    encoding: Encoding = JSON, max_symbols: int = 0, max_errors: int = 0, grant: Grant | None = ANONYMOUS
) -> Session:
    """Make a session."""
    return Session(SYMBOLS, Limits(max_symbols, max_errors), encoding, grant=grant)


class CountingSymbols(Symbols):
    """Counts the names that are looked up in it."""

    asked = 0

    def resolve(self, name: str) -> str | None:
        self.asked += 1
        return super().resolve(name)


def only(client: Session) -> Subscription:
    """The subscriptions of a client with one set of options."""
    [subscription] = client.wants
    return subscription


def show(client: Session, grant: Grant, command_id: Any = msgspec.UNSET) -> Outcome:
    """Show a valid token, and have it checked."""
    outcome = client.authenticated(grant, command_id)
    if outcome.wants is not None:
        client.wants = outcome.wants
    return outcome


def allowed(*symbols: str, **limits: Any) -> Grant:
    """Make a grant for these symbols."""
    return Grant("alice", symbols=frozenset(symbols), **limits)


def say(client: Session, **message: Any) -> Outcome:
    """Send a message of the client, and take over its new subscriptions."""
    outcome = client.receive(json.dumps(message).encode())
    if outcome.wants is not None:
        client.wants = outcome.wants
    return outcome


def replies(outcome: Outcome) -> list[dict[str, Any]]:
    """List the replies as plain values."""
    return [msgspec.to_builtins(reply) for reply in outcome.replies]


def test_a_subscribe_is_confirmed_by_full_names_and_answered_with_snapshots() -> None:
    """Aliases and lower case become symbols, each once, in the order asked."""
    outcome = say(session(), type="subscribe", symbols=["sol", "BTC", "BTCUSDT"], id=7)
    assert [{"type": "subscribed", "symbols": ["SOLUSDT", "BTCUSDT"], "id": 7}] == replies(outcome)
    assert ["SOLUSDT", "BTCUSDT"] == list(outcome.snapshots)
    assert outcome.wants is not None
    assert frozenset({"SOLUSDT", "BTCUSDT"}) == topics_of(outcome.wants)


def test_a_star_means_every_symbol() -> None:
    """``["*"]`` subscribes to all, and unsubscribes from all."""
    client = session()
    assert list(SYMBOLS) == replies(say(client, type="subscribe", symbols=["*"]))[0]["symbols"]
    assert list(SYMBOLS) == replies(say(client, type="unsubscribe", symbols=["*"]))[0]["symbols"]
    assert frozenset() == client.held


def test_what_a_message_costs_is_how_many_symbols_must_be_looked_at() -> None:
    """A message's cost is the symbols that it names, holds and is sent; it is known before any work."""
    client = session()
    client.serve(parse_symbols(",".join(f"S{number}USDT" for number in range(1000))))

    def cost(**message: Any) -> int:
        return client.cost(client.read(json.dumps(message).encode()))

    every = [f"S{number}USDT" for number in range(1000)]
    assert [16, 6] == [cost(type="subscribe", symbols=["*"], snapshot=snapshot) for snapshot in (True, False)]
    assert [22, 22, 12] == [
        cost(type="subscribe", symbols=every, **options) for options in ({}, {"snapshot": None}, {"snapshot": False})
    ]
    assert 78 == cost(type="subscribe", symbols=["*"] * 10_000)
    assert 0 == cost(type="list")
    say(client, type="subscribe", symbols=["*"])
    assert [6, 6, 6] == [
        cost(type="list"), cost(type="unsubscribe", symbols=["*"]), cost(type="subscribe", symbols=["S1"])
    ]  # fmt: skip
    auth = {"type": "auth", "token": "x"}
    assert (0, 5, 0) == (cost(type="ping"), cost(**auth), cost(type="buy"))


@pytest.mark.parametrize("name", ["BTCUSDT", "btc", "NOPE", "*"])
def test_what_is_repeated_thousands_of_times_is_looked_at_once(name: str) -> None:
    """A repeated name is looked up once, whether it is a symbol, an alias or unknown."""
    client, counting = session(), CountingSymbols(("BTCUSDT", "ETHUSDT"))
    client.serve(counting)
    for command in ("subscribe", "unsubscribe"):
        once, often = [replies(say(client, type=command, symbols=[name] * times)) for times in (1, 10_000)]
        assert len(once) == len(often)
        assert once[0].get("code") == often[0].get("code")
    assert counting.asked <= 4


def test_a_partly_wrong_subscribe_does_what_is_right_and_names_what_is_not() -> None:
    """The known symbols are held, the unknown ones named in an error with the same id."""
    client = session()
    outcome = say(client, type="subscribe", symbols=["BTC", "NOPE", "ETH"], id="a")
    assert [
        {"type": "subscribed", "symbols": ["BTCUSDT", "ETHUSDT"], "id": "a"},
        {"type": "error", "code": "unknown_symbol", "message": UNKNOWN, "id": "a"},
    ] == replies(outcome)
    assert {"BTCUSDT", "ETHUSDT"} == client.held


def test_a_wholly_wrong_subscribe_changes_nothing() -> None:
    """A subscribe without a known symbol is an error and changes nothing."""
    outcome = say(session(), type="subscribe", symbols=["NOPE"], id=1)
    assert ["error"] == [reply["type"] for reply in replies(outcome)]
    assert outcome.wants is None


def options_of(client: Session) -> dict[str, tuple[bool, float | None, str]]:
    """Each symbol's options: ``batch``, ``max_hz`` and the rule of conflation."""
    return {topic: (one.batch, one.max_hz, one.rule) for one in client.wants for topic in sorted(one.topics)}


def test_options_are_those_of_the_symbols_that_were_named_with_them() -> None:
    """Options belong to the named symbols: others keep theirs, and a new subscribe replaces all options of a symbol."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"], batch=True, max_hz=2)
    say(client, type="subscribe", symbols=["ETH"])
    say(client, type="subscribe", symbols=["SOL"], conflate=False)
    slow, plain, every = (True, 2.0, "latest"), (False, None, "latest"), (False, None, "every")
    assert {"BTCUSDT": slow, "ETHUSDT": plain, "SOLUSDT": every} == options_of(client)
    say(client, type="subscribe", symbols=["SOL"], batch=True, max_hz=2)
    assert {"BTCUSDT": slow, "ETHUSDT": plain, "SOLUSDT": slow} == options_of(client)
    assert 2 == len(client.wants)
    say(client, type="subscribe", symbols=["BTC"], max_hz=2)
    assert {"BTCUSDT": (False, 2.0, "latest"), "ETHUSDT": plain, "SOLUSDT": slow} == options_of(client)
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT"} == client.held


def test_a_fifth_set_of_options_is_refused_whole() -> None:
    """The error has the limit; symbols may still be added to the present sets, or move between them."""
    client = session()
    client.serve(parse_symbols(",".join(f"S{number}USDT" for number in range(6))))
    for number in range(4):
        say(client, type="subscribe", symbols=[f"S{number}USDT"], max_hz=[1, 2, 5, 10][number])
    before = client.wants
    [error] = replies(say(client, type="subscribe", symbols=["S4USDT"], max_hz=20, id=7))
    assert ("too_many_options", 7, before) == (error["code"], error["id"], client.wants)
    assert "4 different sets" in error["message"]
    say(client, type="subscribe", symbols=["S4USDT"], max_hz=10)
    # The last one of its set may have any other options: then there are no more sets than before.
    say(client, type="subscribe", symbols=["S0USDT"], max_hz=20)
    assert [2.0, 5.0, 10.0, 20.0] == sorted(one.max_hz or 0 for one in client.wants)
    assert {f"S{number}USDT" for number in range(5)} == client.held


@pytest.mark.parametrize(
    ("asked", "given"), [(0.1, 0.1), (0.19, 0.1), (3, 2), (24.9, 20), (25, 25), (49, 25), (50, 50)]
)
def test_a_rate_is_rounded_down_to_a_step(asked: float, given: float) -> None:
    """For any wish there are only ten rates, and none is above the wish."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"], max_hz=asked)
    assert given == only(client).max_hz


def test_a_token_caps_each_set_and_no_set_is_lost_by_it() -> None:
    """Two sets that a token makes equal are one; under a wider token they are two again."""
    client = session(grant=allowed("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    say(client, type="subscribe", symbols=["BTC"], max_hz=5)
    say(client, type="subscribe", symbols=["ETH"], max_hz=10)
    say(client, type="subscribe", symbols=["SOL"], conflate=False)
    asked = options_of(client)
    show(client, allowed("BTCUSDT", "ETHUSDT", "SOLUSDT", max_hz=3.0))
    assert dict.fromkeys(asked, (False, 2.0, "latest")) == options_of(client)
    assert 1 == len(client.wants)
    say(client, type="unsubscribe", symbols=["BTC"])
    show(client, allowed("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    del asked["BTCUSDT"]
    assert asked == options_of(client)


def test_snapshots_can_be_declined() -> None:
    """``snapshot: false`` asks for changes only; states of symbols that are not live still come."""
    outcome = say(session(), type="subscribe", symbols=["BTC"], snapshot=False)
    assert ((), ["BTCUSDT"]) == (outcome.snapshots, list(outcome.states))
    outcome = say(session(), type="subscribe", symbols=["BTC"])
    assert (["BTCUSDT"], ()) == (list(outcome.snapshots), outcome.states)


def test_unsubscribe_names_only_what_was_held() -> None:
    """An unsubscribe of a symbol that is not held is no error, and is not confirmed."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"])
    outcome = say(client, type="unsubscribe", symbols=["BTC", "ETH"], id=2)
    assert [{"type": "unsubscribed", "symbols": ["BTCUSDT"], "id": 2}] == replies(outcome)


def test_list_and_ping_echo_the_id() -> None:
    """``list`` returns the held symbols in the gateway's order; ``ping`` is answered with ``pong``."""
    client = session()
    say(client, type="subscribe", symbols=["SOL", "BTC"])
    held = replies(say(client, type="list", id="x"))
    assert [{"type": "subscriptions", "symbols": ["BTCUSDT", "SOLUSDT"], "id": "x"}] == held
    assert [{"type": "pong", "id": 3}] == replies(say(client, type="ping", id=3))


def test_a_wrong_message_is_answered_and_changes_nothing() -> None:
    """A wrong message has an error as its only effect."""
    outcome = session().receive(b'{"type":"subscribe","symbols":"BTC"}')
    assert ["bad_message"] == [reply["code"] for reply in replies(outcome)]
    assert (None, (), None) == (outcome.wants, outcome.snapshots, outcome.close)


def test_a_wrong_message_keeps_its_id() -> None:
    """The error has the message's id, if that is readable."""
    assert 9 == replies(say(session(), type="subscribe", symbols=5, id=9))[0]["id"]
    assert "q" == replies(say(session(), type="sell", id="q"))[0]["id"]


def test_ten_thousand_symbols_get_one_short_answer() -> None:
    """A huge list of unknown names is answered with a few of them and the number of the others."""
    outcome = say(session(), type="subscribe", symbols=[f"X{number}" for number in range(10_000)])
    [error] = replies(outcome)
    assert "and 9990 more;" in error["message"]
    assert len(error["message"]) < 300
    assert outcome.tokens == of_unknown(10_000)


def test_an_unknown_name_is_answered_with_the_symbol_that_was_probably_meant() -> None:
    """By subscribe and unsubscribe, and the look-up has its price; a known one in another spelling is understood."""
    client = session()
    for command in ("subscribe", "unsubscribe"):
        outcome = say(client, type=command, symbols=["XBTUSD"])
        assert "'XBTUSD' (did you mean BTCUSDT?)" in replies(outcome)[-1]["message"]
        assert outcome.tokens == of_unknown(1) > 0
        outcome = say(client, type=command, symbols=["btc/usdt", "BTC-USDT", "btc_usdt"])
        assert ["BTCUSDT"] == replies(outcome)[0]["symbols"]
        assert 0 == outcome.tokens


def test_the_symbols_that_there_are_can_be_listed() -> None:
    """Those that the token allows, held or not; who has shown no token is told of none."""
    assert (("BTCUSDT", "ETHUSDT", "SOLUSDT"), 7) == listing_of(say(session(), type="symbols", id=7))
    assert (("ETHUSDT",), msgspec.UNSET) == listing_of(say(session(grant=allowed("eth")), type="symbols"))
    outcome = say(session(grant=None), type="symbols")
    assert (None, "unauthorised") == (outcome.listing, replies(outcome)[0]["code"])


def listing_of(outcome: Outcome) -> Any:
    """Which symbols are to be described, and the ``id``."""
    assert outcome.listing is not None
    names, command_id = outcome.listing
    return tuple(names), command_id


def test_more_symbols_than_allowed_are_refused_whole() -> None:
    """Beyond the limit nothing is subscribed, and the error has the limit."""
    client = session(max_symbols=2)
    say(client, type="subscribe", symbols=["BTC"])
    [error] = replies(say(client, type="subscribe", symbols=["*"], id=4))
    assert ("too_many_symbols", 4) == (error["code"], error["id"])
    assert "2" in error["message"]
    assert {"BTCUSDT"} == client.held


def test_too_many_errors_end_the_connection() -> None:
    """The last allowed error is followed by the reason and a close; right messages do not count."""
    client = session(max_errors=3)
    assert client.receive(b"{").close is None
    assert say(client, type="ping").close is None
    assert client.receive_wrong_frame().close is None
    last = client.receive(b"{")
    assert CloseReason.TOO_MANY_ERRORS is last.close
    assert ["bad_json", "too_many_errors"] == [reply["code"] for reply in replies(last)]


def test_wrong_frames_are_named() -> None:
    """A binary message where text is due is an error, and the other way round."""
    assert "binary" in replies(session().receive_wrong_frame())[0]["message"]
    assert "text" in replies(session(MSGPACK).receive_wrong_frame())[0]["message"]


def test_messagepack_says_the_same() -> None:
    """The same command in MessagePack has the same outcome."""
    command = {"type": "subscribe", "symbols": ["BTC"], "max_hz": 2, "id": 1}
    outcome = session(MSGPACK).receive(msgspec.msgpack.encode(command))
    assert [{"type": "subscribed", "symbols": ["BTCUSDT"], "id": 1}] == replies(outcome)


@pytest.mark.parametrize(
    "message", [{"type": "ping"}, {"type": "list"}, {"type": "subscribe", "symbols": ["BTC"]}, {"type": "fly"}]
)
def test_without_a_token_nothing_is_answered_but_auth(message: dict[str, Any]) -> None:
    """Before a valid token every message is an error with its id, and has no effect."""
    client = session(grant=None)
    outcome = say(client, **message, id=5)
    [error] = replies(outcome)
    assert 5 == error["id"]
    assert error["code"] in ("unauthorised", "unknown_command")
    assert (None, None, None, ()) == (outcome.wants, outcome.close, outcome.auth, outcome.snapshots)
    show(client, Grant("alice"))
    assert "unauthorised" not in [reply.get("code") for reply in replies(say(client, **message))]


def test_a_token_is_handed_on_to_be_looked_at() -> None:
    """The answer to `auth` is the outcome of the token."""
    outcome = say(session(grant=None), type="auth", token="a.b.c", id=1)  # noqa: S106 # opens nothing
    assert [] == replies(outcome)
    assert outcome.auth is not None
    assert ("a.b.c", 1) == (outcome.auth.token, outcome.auth.id)


def test_errors_before_a_token_count() -> None:
    """Errors before a token count too: in the end they close the connection."""
    client = session(grant=None, max_errors=2)
    assert say(client, type="ping").close is None
    assert CloseReason.TOO_MANY_ERRORS is say(client, type="ping").close


def test_bad_tokens_count_as_errors() -> None:
    """An authenticated client may try further tokens, but bad ones count as errors."""
    client = session(max_errors=2)
    assert client.refused("expired", 1).close is None
    assert CloseReason.TOO_MANY_ERRORS is client.refused("expired", 2).close


def test_a_token_names_what_may_be_subscribed_to() -> None:
    """Symbols beyond the token are named in an error; unknown and forbidden ones have different codes."""
    client = session(grant=allowed("BTCUSDT"))
    outcome = say(client, type="subscribe", symbols=["eth", "BTC", "NOPE"], id=1)
    assert [
        {"type": "subscribed", "symbols": ["BTCUSDT"], "id": 1},
        {"type": "error", "code": "unknown_symbol", "message": UNKNOWN, "id": 1},
        {"type": "error", "code": "forbidden", "message": "the token does not allow: 'ETHUSDT'", "id": 1},
    ] == replies(outcome)
    assert (["BTCUSDT"], frozenset({"BTCUSDT"})) == (list(outcome.snapshots), client.held)


def test_a_star_means_all_that_the_token_allows() -> None:
    """``*`` means all that the token allows, without an error for the others."""
    client = session(grant=allowed("BTCUSDT", "SOLUSDT"))
    assert [{"type": "subscribed", "symbols": ["BTCUSDT", "SOLUSDT"]}] == replies(
        say(client, type="subscribe", symbols=["*"])
    )
    [confirmed, refused] = replies(say(client, type="subscribe", symbols=["*", "ETH"]))
    assert (["BTCUSDT", "SOLUSDT"], "forbidden") == (confirmed["symbols"], refused["code"])
    assert "'ETHUSDT'" in refused["message"]


def test_a_token_for_nothing_opens_nothing() -> None:
    """With a token for no symbols a star gives none, and a name is an error."""
    client = session(grant=allowed())
    assert [{"type": "subscribed", "symbols": []}] == replies(say(client, type="subscribe", symbols=["*"]))
    assert ["forbidden"] == [reply["code"] for reply in replies(say(client, type="subscribe", symbols=["BTC"]))]
    assert frozenset() == client.held


@pytest.mark.parametrize(("setting", "grant"), [(2, 0), (0, 2), (2, 3), (3, 2)])
def test_the_lower_of_two_limits_counts(setting: int, grant: int) -> None:
    """The lower of the gateway's and the token's limit of symbols counts."""
    client = session(max_symbols=setting, grant=Grant("alice", max_symbols=grant))
    assert "too_many_symbols" == replies(say(client, type="subscribe", symbols=["*"]))[0]["code"]
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    assert 2 == len(client.held)


def test_a_token_caps_the_rate() -> None:
    """A wish below the token's cap counts; above it, or without a wish, the cap counts."""
    client = session(grant=Grant("alice", max_hz=2))
    for asked, cap in (({}, 2), ({"max_hz": 1}, 1), ({"max_hz": 10}, 2), ({"max_hz": None}, 2)):
        say(client, type="subscribe", symbols=["BTC"], **asked)
        assert cap == only(client).max_hz


def test_a_cap_ends_with_the_token_that_set_it() -> None:
    """After a cap ends the client's own wish counts again, also under the next cap."""
    client = session(grant=allowed("BTCUSDT"))
    say(client, type="subscribe", symbols=["BTC"], conflate=False)
    assert "every" == only(client).rule
    show(client, allowed("BTCUSDT", max_hz=1.0))
    assert (1.0, "latest") == (only(client).max_hz, only(client).rule)
    show(client, allowed("BTCUSDT"))
    assert (None, "every") == (only(client).max_hz, only(client).rule)
    say(client, type="subscribe", symbols=["BTC"], max_hz=5, conflate=True)
    show(client, allowed("BTCUSDT", max_hz=1.0))
    assert 1.0 == only(client).max_hz
    show(client, allowed("BTCUSDT", max_hz=20.0))
    assert 5.0 == only(client).max_hz
    say(client, type="subscribe", symbols=["BTC"])
    assert 20.0 == only(client).max_hz


def test_a_token_names_symbols_as_a_client_does() -> None:
    """Aliases and lower case work in a claim as in a subscribe."""
    client = session(grant=allowed("btcusdt", "Eth", "NOPE"))
    assert ["BTCUSDT", "ETHUSDT"] == replies(say(client, type="subscribe", symbols=["*"]))[0]["symbols"]
    show(client, allowed("eth"))
    assert {"ETHUSDT"} == client.held


def test_no_end_is_told_beyond_what_javascript_can_tell() -> None:
    """A token that lasts for ever has an end that JavaScript can hold exactly."""
    [told] = replies(show(session(grant=None), Grant("alice", expires_at=9_999_999_999.0)))
    assert 2**53 - 1 == told["expires_us"]


def test_every_tick_is_more_than_a_capped_token_allows() -> None:
    """Under a cap `conflate: false` is refused, and the whole subscribe has no effect."""
    client = session(grant=Grant("alice", max_hz=2))
    [error] = replies(say(client, type="subscribe", symbols=["BTC"], conflate=False, id=1))
    assert ("forbidden", 1) == (error["code"], error["id"])
    assert "2 Hz" in error["message"]
    assert frozenset() == client.held
    say(client, type="subscribe", symbols=["BTC"], conflate=True)
    assert {"BTCUSDT"} == client.held


def test_a_narrower_token_gives_up_what_it_does_not_allow() -> None:
    """A narrower token unsubscribes symbols, lowers the rate, and turns every tick into the newest."""
    client = session(grant=Grant("alice"))
    say(client, type="subscribe", symbols=["*"], conflate=False)
    outcome = show(client, allowed("ETHUSDT", max_hz=5, expires_at=10.5), "x")
    assert [
        {"type": "authenticated", "subject": "alice", "expires_us": 10_500_000, "id": "x"},
        {"type": "unsubscribed", "symbols": ["BTCUSDT", "SOLUSDT"]},
    ] == replies(outcome)
    assert (frozenset({"ETHUSDT"}), 5.0, "latest") == (client.held, only(client).max_hz, only(client).rule)


def test_a_token_for_fewer_symbols_keeps_so_many() -> None:
    """A token for fewer symbols keeps that many, always the same ones, and gives up the others."""
    client = session(grant=Grant("alice"))
    say(client, type="subscribe", symbols=["*"])
    outcome = show(client, Grant("alice", max_symbols=1))
    assert [["ETHUSDT", "SOLUSDT"]] == [reply["symbols"] for reply in replies(outcome)[1:]]
    assert {"BTCUSDT"} == client.held


def test_an_equal_token_changes_nothing() -> None:
    """An equal token changes nothing."""
    client = session(grant=allowed("BTCUSDT", max_hz=5, expires_at=1))
    say(client, type="subscribe", symbols=["BTC"])
    outcome = show(client, allowed("BTCUSDT", max_hz=5, expires_at=2))
    assert (["authenticated"], None) == ([reply["type"] for reply in replies(outcome)], outcome.wants)


def test_a_token_of_another_subject_ends_the_connection() -> None:
    """A token of another subject is not taken over, and ends the connection."""
    client = session(grant=Grant("alice"))
    outcome = show(client, Grant("bob"), 3)
    assert (["forbidden"], CloseReason.FORBIDDEN) == ([reply["code"] for reply in replies(outcome)], outcome.close)
    assert Grant("alice") == client.grant


def test_what_came_too_fast_is_said_once_for_each() -> None:
    """`rate_limited` does not count as an error of the client."""
    client = session(max_errors=1)
    for _ in range(3):
        outcome = client.rate_limited()
        assert (["rate_limited"], None) == ([reply["code"] for reply in replies(outcome)], outcome.close)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
near_commands = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "list", "symbols", "ping", "auth", "x"])},
    optional={
        "symbols": st.lists(st.sampled_from(["BTC", "*", "", "NOPE"]) | json_values, max_size=5) | json_values,
        "id": json_values,
        "max_hz": json_values,
        "batch": json_values,
        "token": json_values,
    },
)


@given(st.binary(max_size=200) | (near_commands | json_values).map(lambda value: json.dumps(value).encode()))
def test_no_message_raises_and_every_one_is_answered(data: bytes) -> None:
    """Any message, in either encoding, with a token or without, has a reply that can be encoded."""
    grants = (ANONYMOUS, None, allowed("BTCUSDT", max_hz=1, max_symbols=1))
    for client in [session(encoding, grant=grant) for encoding in (JSON, MSGPACK) for grant in grants]:
        outcome = client.receive(data)
        assert outcome.replies or outcome.auth or outcome.listing
        assert msgspec.json.encode(list(outcome.replies))


def test_other_symbols_can_be_subscribed_at_once_and_those_gone_are_given_up() -> None:
    """Names mean symbols that are served now; only held symbols that are no longer served are given up."""
    client = session()
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    assert client.serve(parse_symbols("BTCUSDT,XRPUSDT"))
    assert frozenset({"ETHUSDT"}) == client.give_up()
    assert ["XRPUSDT"] == replies(say(client, type="subscribe", symbols=["XRP"]))[0]["symbols"]
    assert "unknown_symbol" == replies(say(client, type="subscribe", symbols=["ETH"]))[0]["code"]
    assert ["BTCUSDT", "XRPUSDT"] == replies(say(client, type="list"))[0]["symbols"]


def test_who_holds_only_what_is_served_gives_nothing_up() -> None:
    """A star meant all symbols of its time: later ones are not held, and no other is lost."""
    client = session()
    say(client, type="subscribe", symbols=["*"])
    assert not client.serve(parse_symbols("XRPUSDT,BTCUSDT,ETHUSDT,SOLUSDT"))
    assert frozenset() == client.give_up()
    assert frozenset(SYMBOLS) == client.held


def test_a_token_allows_by_its_names_whatever_they_mean_by_now() -> None:
    """An alias in a token means the same symbol as for a new connection."""
    client = session(grant=allowed("XRP", "BTC"))
    assert "unknown_symbol" == replies(say(client, type="subscribe", symbols=["XRP"]))[0]["code"]
    client.serve(parse_symbols("XRPUSDT,BTCUSDC"))
    assert ["XRPUSDT", "BTCUSDC"] == replies(say(client, type="subscribe", symbols=["XRP", "BTC"]))[0]["symbols"]
    show(client, allowed("BTC"))
    client.serve(parse_symbols("XRPUSDT,BTCUSDC,BTCUSDT"))
    assert "forbidden" == replies(say(client, type="subscribe", symbols=["BTCUSDC"]))[0]["code"]
    assert ["BTCUSDT"] == replies(say(client, type="subscribe", symbols=["BTC"]))[0]["symbols"]


def test_a_client_without_a_token_may_be_told_of_symbols() -> None:
    """A client without a token holds nothing, and loses nothing when symbols change."""
    client = session(grant=None)
    assert not client.serve(parse_symbols("XRPUSDT"))
    assert ["XRPUSDT"] == replies(say_after(client, allowed("XRP")))[0]["symbols"]


def say_after(client: Session, grant: Grant) -> Outcome:
    """Show a token, and subscribe."""
    show(client, grant)
    return say(client, type="subscribe", symbols=["XRP"])


def test_changed_limits_hold_for_who_is_here() -> None:
    """Changed limits hold for all sessions; a client above a lowered limit keeps its symbols, and gets no more."""
    limits = Limits(0, 0)
    client = Session(SYMBOLS, limits, JSON)
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    limits.max_symbols = 1
    assert "too_many_symbols" == replies(say(client, type="subscribe", symbols=["SOL"]))[0]["code"]
    assert ["BTCUSDT"] == replies(say(client, type="subscribe", symbols=["BTC"]))[0]["symbols"]
    limits.max_symbols = 3
    assert ["SOLUSDT"] == replies(say(client, type="subscribe", symbols=["SOL"]))[0]["symbols"]


@pytest.mark.parametrize("encoding", [JSON, MSGPACK])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "ping"},
        {"type": "list"},
        {"type": "subscribe", "symbols": ["BTC"]},
        {"type": "subscribe", "symbols": ["NOPE"]},
        {"type": "unsubscribe", "symbols": ["BTC"]},
        {"type": "buy"},
        {"type": "subscribe", "symbols": 5},
    ],
)
def test_an_id_that_is_null_is_none(encoding: Encoding, message: dict[str, Any]) -> None:
    """An id of null is the same as no id."""
    pack = msgspec.json.encode if encoding is JSON else msgspec.msgpack.encode
    without, null = [session(encoding).receive(pack(said)) for said in (message, message | {"id": None})]
    assert replies(without) == replies(null)
    assert "id" not in replies(null)[0]


@pytest.mark.parametrize("encoding", [JSON, MSGPACK])
def test_an_option_that_is_null_or_absent_has_its_default(encoding: Encoding) -> None:
    """A null or absent option has its default, alone or with others, whatever it was before."""
    pack = msgspec.json.encode if encoding is JSON else msgspec.msgpack.encode
    client = session(encoding)

    def wanted(**options: Any) -> tuple[bool, float | None, str]:
        outcome = client.receive(pack({"type": "subscribe", "symbols": ["BTC"], **options}))
        assert outcome.wants is not None
        client.wants = outcome.wants
        return only(client).batch, only(client).max_hz, only(client).rule

    others = {"batch": True, "max_hz": 5.0, "conflate": True}
    assert (True, 5.0, "latest") == wanted(**others)
    assert (False, 5.0, "latest") == wanted(**others | {"batch": None})
    assert (True, None, "latest") == wanted(**others | {"max_hz": None})
    assert (True, 5.0, "latest") == wanted(**others | {"conflate": None})
    assert (True, None, "every") == wanted(**others | {"conflate": False})
    assert (False, None, "latest") == wanted()
    wanted(**others)
    assert (False, None, "latest") == wanted(batch=None, max_hz=None, conflate=None, snapshot=None, id=None)
    null, false = [
        client.receive(pack({"type": "subscribe", "symbols": ["BTC"], "snapshot": value})) for value in (None, False)
    ]
    assert (["BTCUSDT"], []) == (list(null.snapshots), list(false.snapshots))


def test_what_is_required_is_not_null() -> None:
    """Required fields must not be null."""
    for text in ('{"type":"subscribe","symbols":null}', '{"type":"auth","token":null}', '{"type":null}'):
        [answer] = replies(session().receive(text.encode()))
        assert "bad_message" == answer["code"]


def test_positions_to_resume_from() -> None:
    """Symbols with a position are resumed and get no snapshot; the others of the same message get theirs."""
    client = session()
    since = {"BTC": 7, "ETHUSDT": 0, "btcusdt": 5}
    outcome = say(client, type="subscribe", symbols=["BTC", "ETH", "SOL"], conflate=False, since=since)
    # Of two for one symbol the older one counts.
    assert ({"BTCUSDT": 5, "ETHUSDT": 0}, ["SOLUSDT"]) == (outcome.since, outcome.snapshots)
    assert frozenset(SYMBOLS) == only(client).topics
    outcome = say(client, type="subscribe", symbols=["*"], conflate=False, since={"BTC": 7}, snapshot=False)
    assert ({"BTCUSDT": 7}, (), ["ETHUSDT", "SOLUSDT"]) == (outcome.since, outcome.snapshots, outcome.states)
    nothing: dict[str, int] | None
    for nothing in ({}, None):
        outcome = say(client, type="subscribe", symbols=["BTC"], conflate=False, since=nothing)
        assert ({}, ["BTCUSDT"]) == (outcome.since, outcome.snapshots)
        outcome = say(client, type="subscribe", symbols=["BTC"], since=nothing)
        assert ["BTCUSDT"] == outcome.snapshots


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"since": {"BTC": 1}}, 'since needs "conflate":false: only then every tick is sent'),
        ({"since": {"BTC": 1}, "conflate": True}, 'since needs "conflate":false: only then every tick is sent'),
        ({"since": {"SOL": 1, "*": 2}, "conflate": False}, "since has what symbols does not name: 'SOL', '*'"),
        ({"since": {"BTC": -1}, "conflate": False}, "since must be an object with the seq"),
        ({"since": {"BTC": 2**53}, "conflate": False}, "since must be an object with the seq"),
        ({"since": {"BTC": "7"}, "conflate": False}, "since must be an object with the seq"),
        ({"since": [1], "conflate": False}, "since must be an object with the seq"),
    ],
)
def test_positions_that_make_no_sense(fields: dict[str, Any], problem: str) -> None:
    """A position without a symbol to resume, or where not every tick is wanted, is refused, and nothing changes."""
    client = session()
    outcome = say(client, type="subscribe", symbols=["BTC", "ETH"], id=4, **fields)
    [error] = replies(outcome)
    assert ("bad_message", 4) == (error["code"], error["id"])
    assert error["message"].startswith(problem)
    assert () == client.wants


def test_positions_of_symbols_that_are_not_to_be_had() -> None:
    """A position of an unknown or forbidden symbol is no further mistake: the symbol itself was refused."""
    client = session(grant=allowed("BTCUSDT"))
    since = {"BTC": 7, "ETH": 8, "NOPE": 9}
    outcome = say(client, type="subscribe", symbols=["BTC", "ETH", "NOPE"], conflate=False, since=since)
    assert {"BTCUSDT": 7} == outcome.since
    assert ["subscribed", "unknown_symbol", "forbidden"] == [one.get("code", one["type"]) for one in replies(outcome)]


def test_a_symbol_is_held_in_each_channel_by_itself() -> None:
    """With options of its own in each; to let go of one leaves the other."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"], max_hz=5)
    outcome = say(client, type="subscribe", channel="stats", symbols=["BTC", "ETH"], batch=True, id=1)
    assert [{"type": "subscribed", "symbols": ["BTCUSDT", "ETHUSDT"], "channel": "stats", "id": 1}] == replies(outcome)
    assert ["BTCUSDT@stats", "ETHUSDT@stats"] == list(outcome.snapshots)
    assert {
        "BTCUSDT": (False, 5.0, "latest"),
        "BTCUSDT@stats": (True, None, "latest"),
        "ETHUSDT@stats": (True, None, "latest"),
    } == options_of(client)
    assert [JSON, JSON.of("stats")] == [one.encoding for one in client.wants]
    listed = {"type": "subscriptions", "symbols": ["BTCUSDT"], "channels": {"stats": ["BTCUSDT", "ETHUSDT"]}}
    assert [listed] == replies(say(client, type="list"))
    outcome = say(client, type="unsubscribe", symbols=["*"], channel="stats", id=2)
    gone = {"type": "unsubscribed", "symbols": ["BTCUSDT", "ETHUSDT"], "channel": "stats", "id": 2}
    assert [gone] == replies(outcome)
    assert {"BTCUSDT"} == client.held
    say(client, type="subscribe", channel="stats", symbols=["SOL"])
    outcome = say(client, type="unsubscribe", symbols=["*"])
    assert [{"type": "unsubscribed", "symbols": ["BTCUSDT"]}] == replies(outcome)
    assert {"SOLUSDT@stats"} == client.held


def test_equal_options_in_two_channels_are_two_sets() -> None:
    """Each costs a write of its own; the limit of sets counts both."""
    client = session()
    for channel in ("ticker", "stats"):
        for max_hz in (1, 2):
            say(client, type="subscribe", channel=channel, symbols=["BTC" if max_hz == 1 else "ETH"], max_hz=max_hz)
    assert 4 == len(client.wants)
    [error] = replies(say(client, type="subscribe", channel="stats", symbols=["SOL"]))
    assert "too_many_options" == error["code"]
    assert "channel" in error["message"]


def test_the_limit_of_symbols_counts_every_channel() -> None:
    """Each is a topic that a gateway sends."""
    client = session(max_symbols=3)
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    say(client, type="subscribe", channel="stats", symbols=["BTC"])
    [error] = replies(say(client, type="subscribe", channel="stats", symbols=["ETH"]))
    assert "too_many_symbols" == error["code"]
    assert {"BTCUSDT", "ETHUSDT", "BTCUSDT@stats"} == client.held


def test_a_token_counts_for_every_channel() -> None:
    """Its symbols, its rate and its number of symbols; what another does not allow is given up in each."""
    client = session(grant=allowed("BTCUSDT", "ETHUSDT", max_hz=1.0))
    [granted, refusal] = replies(say(client, type="subscribe", channel="stats", symbols=["BTC", "ETH", "SOL"]))
    assert (["BTCUSDT", "ETHUSDT"], "forbidden") == (granted["symbols"], refusal["code"])
    assert 1.0 == only(client).max_hz
    say(client, type="subscribe", symbols=["ETH"])
    [_, *gone] = replies(show(client, allowed("BTCUSDT")))
    assert [
        {"type": "unsubscribed", "symbols": ["ETHUSDT"]},
        {"type": "unsubscribed", "symbols": ["ETHUSDT"], "channel": "stats"},
    ] == gone
    assert {"BTCUSDT@stats"} == client.held


def test_what_is_no_longer_served_is_lost_in_every_channel() -> None:
    """A symbol that stays is no loss, whatever its channel."""
    client = session()
    say(client, type="subscribe", channel="stats", symbols=["BTC", "ETH"])
    say(client, type="subscribe", symbols=["ETH"])
    client.serve(parse_symbols("BTCUSDT,ETHUSDT"))
    assert frozenset() == client.give_up()
    assert client.serve(parse_symbols("BTCUSDT"))
    assert {"ETHUSDT", "ETHUSDT@stats"} == client.give_up()


def test_figures_cannot_be_resumed() -> None:
    """They have no numbers."""
    options = {"channel": "stats", "symbols": ["BTC"], "conflate": False, "since": {"BTC": 7}}
    [error] = replies(say(session(), type="subscribe", **options))
    assert ("bad_message", 'since is for the channel "ticker": only ticks have numbers') == (
        error["code"], error["message"],
    )  # fmt: skip


def test_an_encoding_without_a_channel_says_so() -> None:
    """There may be encodings for ticks alone."""
    client = session(JSON.of("stats") or JSON)
    [error] = replies(say(client, type="subscribe", symbols=["BTC"], id=3))
    assert ("bad_message", 3, ()) == (error["code"], error["id"], client.wants)
    assert "ticker" in error["message"]
