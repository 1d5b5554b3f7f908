"""Sessions as transcripts: a message in, replies and what is wanted out. No sockets."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import Limits
from gateway.auth.grant import ANONYMOUS, Grant
from gateway.client.costs import of_unknown
from gateway.client.session import Outcome, Session
from gateway.fanout.backlog import topics_of
from gateway.fanout.member import Subscription
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
    """Counts the names that it was asked about."""

    asked = 0

    def resolve(self, name: str) -> str | None:
        self.asked += 1
        return super().resolve(name)


def only(client: Session) -> Subscription:
    """What a client wants that has one set of options."""
    [subscription] = client.wants
    return subscription


def show(client: Session, grant: Grant, command_id: Any = msgspec.UNSET) -> Outcome:
    """A token that opens the door comes and is looked at."""
    outcome = client.authenticated(grant, command_id)
    if outcome.wants is not None:
        client.wants = outcome.wants
    return outcome


def allowed(*symbols: str, **limits: Any) -> Grant:
    """Make a grant for these symbols."""
    return Grant("alice", symbols=frozenset(symbols), **limits)


def say(client: Session, **message: Any) -> Outcome:
    """Let the client say something, and take over what it wants then."""
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
    """Given, held, and to be sent; it is known before anything is done."""
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
    """A name means the same however often it stands there, whether it is known, short for a symbol, or none."""
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
    """Where no symbol is known there is an error and nothing else."""
    outcome = say(session(), type="subscribe", symbols=["NOPE"], id=1)
    assert ["error"] == [reply["type"] for reply in replies(outcome)]
    assert outcome.wants is None


def options_of(client: Session) -> dict[str, tuple[bool, float | None, str]]:
    """What each symbol is held with: ``batch``, ``max_hz`` and the rule of conflation."""
    return {topic: (one.batch, one.max_hz, one.rule) for one in client.wants for topic in sorted(one.topics)}


def test_options_are_those_of_the_symbols_that_were_named_with_them() -> None:
    """Other symbols keep theirs; the same symbol again has those of the last subscribe, whole."""
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
    """The error names how many there may be; symbols may still be added to those sets, or move between them."""
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
    """Whatever clients ask for, there are ten rates; nobody gets more than it asked for."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"], max_hz=asked)
    assert given == only(client).max_hz


def test_a_token_caps_each_set_and_no_set_is_lost_by_it() -> None:
    """Two that it makes equal are one; under a wider token they are two again."""
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
    """``snapshot: false`` asks for changes only, and whether the prices to come are live."""
    outcome = say(session(), type="subscribe", symbols=["BTC"], snapshot=False)
    assert ((), ["BTCUSDT"]) == (outcome.snapshots, list(outcome.states))
    outcome = say(session(), type="subscribe", symbols=["BTC"])
    assert (["BTCUSDT"], ()) == (list(outcome.snapshots), outcome.states)


def test_unsubscribe_names_only_what_was_held() -> None:
    """Letting go of a symbol that is not held is no error, and is not confirmed."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"])
    outcome = say(client, type="unsubscribe", symbols=["BTC", "ETH"], id=2)
    assert [{"type": "unsubscribed", "symbols": ["BTCUSDT"], "id": 2}] == replies(outcome)


def test_list_and_ping_echo_the_id() -> None:
    """``list`` tells what is held, in the gateway's order; ``ping`` is answered with ``pong``."""
    client = session()
    say(client, type="subscribe", symbols=["SOL", "BTC"])
    held = replies(say(client, type="list", id="x"))
    assert [{"type": "subscriptions", "symbols": ["BTCUSDT", "SOLUSDT"], "id": "x"}] == held
    assert [{"type": "pong", "id": 3}] == replies(say(client, type="ping", id=3))


def test_a_wrong_message_is_answered_and_changes_nothing() -> None:
    """The error is the only effect."""
    outcome = session().receive(b'{"type":"subscribe","symbols":"BTC"}')
    assert ["bad_message"] == [reply["code"] for reply in replies(outcome)]
    assert (None, (), None) == (outcome.wants, outcome.snapshots, outcome.close)


def test_a_wrong_message_keeps_its_id() -> None:
    """Where the id can be read, the error carries it."""
    assert 9 == replies(say(session(), type="subscribe", symbols=5, id=9))[0]["id"]
    assert "q" == replies(say(session(), type="sell", id="q"))[0]["id"]


def test_ten_thousand_symbols_get_one_short_answer() -> None:
    """A huge list of unknown names is answered by naming a few and counting the rest."""
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
    """Past the limit nothing is subscribed, and the error says how many are allowed."""
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
    """Binary where text is due says so, and the other way round."""
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
    """An error with the id, and no effect, until a token has opened the door."""
    client = session(grant=None)
    outcome = say(client, **message, id=5)
    [error] = replies(outcome)
    assert 5 == error["id"]
    assert error["code"] in ("unauthorised", "unknown_command")
    assert (None, None, None, ()) == (outcome.wants, outcome.close, outcome.auth, outcome.snapshots)
    show(client, Grant("alice"))
    assert "unauthorised" not in [reply.get("code") for reply in replies(say(client, **message))]


def test_a_token_is_handed_on_to_be_looked_at() -> None:
    """`auth` has no answer of its own: what came of the token is the answer."""
    outcome = say(session(grant=None), type="auth", token="a.b.c", id=1)  # noqa: S106 # opens nothing
    assert [] == replies(outcome)
    assert outcome.auth is not None
    assert ("a.b.c", 1) == (outcome.auth.token, outcome.auth.id)


def test_errors_before_a_token_count() -> None:
    """Who sends anything but a token is closed in the end, too."""
    client = session(grant=None, max_errors=2)
    assert say(client, type="ping").close is None
    assert CloseReason.TOO_MANY_ERRORS is say(client, type="ping").close


def test_bad_tokens_count_as_errors() -> None:
    """Who is in may try others, but not for ever."""
    client = session(max_errors=2)
    assert client.refused("expired", 1).close is None
    assert CloseReason.TOO_MANY_ERRORS is client.refused("expired", 2).close


def test_a_token_names_what_may_be_subscribed_to() -> None:
    """The rest is named in an error; unknown and forbidden symbols are told apart."""
    client = session(grant=allowed("BTCUSDT"))
    outcome = say(client, type="subscribe", symbols=["eth", "BTC", "NOPE"], id=1)
    assert [
        {"type": "subscribed", "symbols": ["BTCUSDT"], "id": 1},
        {"type": "error", "code": "unknown_symbol", "message": UNKNOWN, "id": 1},
        {"type": "error", "code": "forbidden", "message": "the token does not allow: 'ETHUSDT'", "id": 1},
    ] == replies(outcome)
    assert (["BTCUSDT"], frozenset({"BTCUSDT"})) == (list(outcome.snapshots), client.held)


def test_a_star_means_all_that_the_token_allows() -> None:
    """Nothing is refused that was not asked for by name."""
    client = session(grant=allowed("BTCUSDT", "SOLUSDT"))
    assert [{"type": "subscribed", "symbols": ["BTCUSDT", "SOLUSDT"]}] == replies(
        say(client, type="subscribe", symbols=["*"])
    )
    [confirmed, refused] = replies(say(client, type="subscribe", symbols=["*", "ETH"]))
    assert (["BTCUSDT", "SOLUSDT"], "forbidden") == (confirmed["symbols"], refused["code"])
    assert "'ETHUSDT'" in refused["message"]


def test_a_token_for_nothing_opens_nothing() -> None:
    """An empty list of symbols: a star gives none, a name an error."""
    client = session(grant=allowed())
    assert [{"type": "subscribed", "symbols": []}] == replies(say(client, type="subscribe", symbols=["*"]))
    assert ["forbidden"] == [reply["code"] for reply in replies(say(client, type="subscribe", symbols=["BTC"]))]
    assert frozenset() == client.held


@pytest.mark.parametrize(("setting", "grant"), [(2, 0), (0, 2), (2, 3), (3, 2)])
def test_the_lower_of_two_limits_counts(setting: int, grant: int) -> None:
    """Symbols per connection: the gateway's and the token's."""
    client = session(max_symbols=setting, grant=Grant("alice", max_symbols=grant))
    assert "too_many_symbols" == replies(say(client, type="subscribe", symbols=["*"]))[0]["code"]
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    assert 2 == len(client.held)


def test_a_token_caps_the_rate() -> None:
    """What is asked for counts below the cap, the cap above it and where nothing, or its end, is asked for."""
    client = session(grant=Grant("alice", max_hz=2))
    for asked, cap in (({}, 2), ({"max_hz": 1}, 1), ({"max_hz": 10}, 2), ({"max_hz": None}, 2)):
        say(client, type="subscribe", symbols=["BTC"], **asked)
        assert cap == only(client).max_hz


def test_a_cap_ends_with_the_token_that_set_it() -> None:
    """What the client itself asked for holds again, and holds under the next cap."""
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
    """Aliases and small letters mean in a claim what they mean in a subscribe."""
    client = session(grant=allowed("btcusdt", "Eth", "NOPE"))
    assert ["BTCUSDT", "ETHUSDT"] == replies(say(client, type="subscribe", symbols=["*"]))[0]["symbols"]
    show(client, allowed("eth"))
    assert {"ETHUSDT"} == client.held


def test_no_end_is_told_beyond_what_javascript_can_tell() -> None:
    """A token for ever, as issuers write it, has an end that is exact in every client."""
    [told] = replies(show(session(grant=None), Grant("alice", expires_at=9_999_999_999.0)))
    assert 2**53 - 1 == told["expires_us"]


def test_every_tick_is_more_than_a_capped_token_allows() -> None:
    """`conflate: false` would go around the cap, so it is refused, and nothing of the subscribe is done."""
    client = session(grant=Grant("alice", max_hz=2))
    [error] = replies(say(client, type="subscribe", symbols=["BTC"], conflate=False, id=1))
    assert ("forbidden", 1) == (error["code"], error["id"])
    assert "2 Hz" in error["message"]
    assert frozenset() == client.held
    say(client, type="subscribe", symbols=["BTC"], conflate=True)
    assert {"BTCUSDT"} == client.held


def test_a_narrower_token_gives_up_what_it_does_not_allow() -> None:
    """Symbols go, and are named as unsubscribed; the rate comes down; every tick becomes the newest."""
    client = session(grant=Grant("alice"))
    say(client, type="subscribe", symbols=["*"], conflate=False)
    outcome = show(client, allowed("ETHUSDT", max_hz=5, expires_at=10.5), "x")
    assert [
        {"type": "authenticated", "subject": "alice", "expires_us": 10_500_000, "id": "x"},
        {"type": "unsubscribed", "symbols": ["BTCUSDT", "SOLUSDT"]},
    ] == replies(outcome)
    assert (frozenset({"ETHUSDT"}), 5.0, "latest") == (client.held, only(client).max_hz, only(client).rule)


def test_a_token_for_fewer_symbols_keeps_so_many() -> None:
    """Which ones is nobody's choice but always the same; the others are given up."""
    client = session(grant=Grant("alice"))
    say(client, type="subscribe", symbols=["*"])
    outcome = show(client, Grant("alice", max_symbols=1))
    assert [["ETHUSDT", "SOLUSDT"]] == [reply["symbols"] for reply in replies(outcome)[1:]]
    assert {"BTCUSDT"} == client.held


def test_an_equal_token_changes_nothing() -> None:
    """A refresh that allows as much moves nobody and gives up nothing."""
    client = session(grant=allowed("BTCUSDT", max_hz=5, expires_at=1))
    say(client, type="subscribe", symbols=["BTC"])
    outcome = show(client, allowed("BTCUSDT", max_hz=5, expires_at=2))
    assert (["authenticated"], None) == ([reply["type"] for reply in replies(outcome)], outcome.wants)


def test_a_token_of_another_subject_ends_the_connection() -> None:
    """Nothing of it is taken over."""
    client = session(grant=Grant("alice"))
    outcome = show(client, Grant("bob"), 3)
    assert (["forbidden"], CloseReason.FORBIDDEN) == ([reply["code"] for reply in replies(outcome)], outcome.close)
    assert Grant("alice") == client.grant


def test_what_came_too_fast_is_said_once_for_each() -> None:
    """An error that is no fault of the message's, and does not count as one."""
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
    """Whatever a client sends, in either encoding, with a token or without, there is a reply, and it can be encoded."""
    grants = (ANONYMOUS, None, allowed("BTCUSDT", max_hz=1, max_symbols=1))
    for client in [session(encoding, grant=grant) for encoding in (JSON, MSGPACK) for grant in grants]:
        outcome = client.receive(data)
        assert outcome.replies or outcome.auth or outcome.listing
        assert msgspec.json.encode(list(outcome.replies))


def test_other_symbols_can_be_subscribed_at_once_and_those_gone_are_given_up() -> None:
    """What is served now decides what a name means; of what is held only the part that is not served is given up."""
    client = session()
    say(client, type="subscribe", symbols=["BTC", "ETH"])
    assert client.serve(parse_symbols("BTCUSDT,XRPUSDT"))
    assert frozenset({"ETHUSDT"}) == client.give_up()
    assert ["XRPUSDT"] == replies(say(client, type="subscribe", symbols=["XRP"]))[0]["symbols"]
    assert "unknown_symbol" == replies(say(client, type="subscribe", symbols=["ETH"]))[0]["code"]
    assert ["BTCUSDT", "XRPUSDT"] == replies(say(client, type="list"))[0]["symbols"]


def test_who_holds_only_what_is_served_gives_nothing_up() -> None:
    """A star was all there was when it was said: what comes later is not held, and nothing else is lost."""
    client = session()
    say(client, type="subscribe", symbols=["*"])
    assert not client.serve(parse_symbols("XRPUSDT,BTCUSDT,ETHUSDT,SOLUSDT"))
    assert frozenset() == client.give_up()
    assert frozenset(SYMBOLS) == client.held


def test_a_token_allows_by_its_names_whatever_they_mean_by_now() -> None:
    """A short name in a token means the symbol that it would mean in a new connection."""
    client = session(grant=allowed("XRP", "BTC"))
    assert "unknown_symbol" == replies(say(client, type="subscribe", symbols=["XRP"]))[0]["code"]
    client.serve(parse_symbols("XRPUSDT,BTCUSDC"))
    assert ["XRPUSDT", "BTCUSDC"] == replies(say(client, type="subscribe", symbols=["XRP", "BTC"]))[0]["symbols"]
    show(client, allowed("BTC"))
    client.serve(parse_symbols("XRPUSDT,BTCUSDC,BTCUSDT"))
    assert "forbidden" == replies(say(client, type="subscribe", symbols=["BTCUSDC"]))[0]["code"]
    assert ["BTCUSDT"] == replies(say(client, type="subscribe", symbols=["BTC"]))[0]["symbols"]


def test_a_client_without_a_token_may_be_told_of_symbols() -> None:
    """Who is still to show one holds nothing, and loses nothing."""
    client = session(grant=None)
    assert not client.serve(parse_symbols("XRPUSDT"))
    assert ["XRPUSDT"] == replies(say_after(client, allowed("XRP")))[0]["symbols"]


def say_after(client: Session, grant: Grant) -> Outcome:
    """Show a token, and subscribe."""
    show(client, grant)
    return say(client, type="subscribe", symbols=["XRP"])


def test_changed_limits_hold_for_who_is_here() -> None:
    """Sessions share their limits; who holds more than a lower one allows keeps it, and gets no more."""
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
    """An answer is the same where the id is null and where there is none."""
    pack = msgspec.json.encode if encoding is JSON else msgspec.msgpack.encode
    without, null = [session(encoding).receive(pack(said)) for said in (message, message | {"id": None})]
    assert replies(without) == replies(null)
    assert "id" not in replies(null)[0]


@pytest.mark.parametrize("encoding", [JSON, MSGPACK])
def test_an_option_that_is_null_or_absent_has_its_default(encoding: Encoding) -> None:
    """Each by itself and all together, whatever it was before."""
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
    """Symbols, tokens and types have no default."""
    for text in ('{"type":"subscribe","symbols":null}', '{"type":"auth","token":null}', '{"type":null}'):
        [answer] = replies(session().receive(text.encode()))
        assert "bad_message" == answer["code"]
