"""The option sets of one client."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.settings import AuthSettings
from gateway.client.option_sets import RATES, Wants, capped, put, stepped, without
from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.slow.backlog import topics_of
from gateway.reload import reload
from market.prices.symbols import parse_symbols
from tests.forms_client import FormsClient, forms_client
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.market.bus.using import publish
from tests.market.samples import tick

NAMES = ("AAA", "BBB", "CCC")
topics = st.frozensets(st.sampled_from(NAMES), min_size=1)
subscription = st.builds(
    Subscription,
    topics,
    batch=st.booleans(),
    max_hz=st.sampled_from([None, 1.0, 5.0]),
    rule=st.sampled_from(["latest", "every"]),
)


@given(st.lists(subscription, max_size=6), topics, st.sampled_from([0.5, 2.0]))
def test_each_topic_has_the_options_that_came_last(said: list[Subscription], gone: frozenset[str], cap: float) -> None:
    """No topic is held twice, no two sets are equal, and a removed topic is in no set."""
    wants: Wants = ()
    newest: dict[str, Subscription] = {}
    for one in said:
        wants = put(wants, one)
        newest |= dict.fromkeys(one.topics, one)
    for left, allowed in ((wants, None), (without(wants, gone), None), (capped(wants, cap), cap)):
        assert sum(len(one.topics) for one in left) == len(topics_of(left))
        options = [(one.batch, one.max_hz, one.rule) for one in left]
        assert len(options) == len(set(options))
        assert allowed is None or all(one.max_hz is not None and one.max_hz <= allowed for one in left)
    assert topics_of(wants) == newest.keys() == topics_of(capped(wants, cap))
    assert newest.keys() - gone == topics_of(without(wants, gone))
    for one in wants:
        for topic in one.topics:
            last = newest[topic]
            assert (last.batch, last.max_hz, last.rule) == (one.batch, one.max_hz, one.rule)


def test_what_does_not_change_is_the_same_object() -> None:
    """An unchanged set is the same object, so that holders share it."""
    wants = (Subscription(frozenset({"AAA"})),)
    assert wants is without(wants, frozenset({"BBB"}))


@given(st.floats(0.1, 1000))
def test_a_rate_is_the_next_step_below(max_hz: float) -> None:
    """A rate is the next step at or below the wish."""
    step = stepped(max_hz)
    assert step <= max_hz
    assert not [rate for rate in RATES if step < rate <= max_hz]


SINGLE = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
MANY = tuple(f"S{number}USDT" for number in range(20))


async def held(client: FormsClient) -> list[str]:
    """The held symbols, as the gateway lists them."""
    symbols: list[str] = (await client.ask(type="list"))["symbols"]
    return sorted(symbols)


async def publish_all(running: RunningGateway, seq: int) -> None:
    """A tick of each symbol."""
    await publish(running.gateway.bus, [tick(symbol, seq) for symbol in SINGLE + MANY])


@pytest.mark.parametrize("packed", [False, True])
async def test_a_fifth_set_is_refused_and_a_set_that_is_let_go_makes_room(start: Start, packed: bool) -> None:
    """A refused fifth set changes nothing; the connection keeps its others."""
    running = await start(symbols=parse_symbols(",".join(SINGLE + MANY)))
    async with forms_client(running.url, packed=packed) as client:
        four: list[dict[str, Any]] = [{}, {"max_hz": 50}, {"batch": True}, {"conflate": False}]
        for symbol, options in zip(SINGLE, four, strict=True):
            assert "subscribed" == (await client.subscribe(symbol, **options))["type"]
        refused = await client.subscribe(*MANY, batch=True, max_hz=1)
        assert ("error", "too_many_options") == (refused["type"], refused["code"])
        # A name that means nothing changes nothing about that.
        assert "too_many_options" == (await client.subscribe("nonsense", MANY[0], max_hz=1))["code"]
        assert sorted(SINGLE) == await held(client)
        for seq in range(1, 4):
            await publish_all(running, seq)
            await client.until_newest(seq, SINGLE)
        assert [{"tick"}, {"tick"}, {"ticks"}, {"tick"}] == [client.forms(one) for one in SINGLE]
        assert 4 == running.gateway.hub.cohort_count
        await client.ask(type="unsubscribe", symbols=[SINGLE[1]])
        assert 3 == running.gateway.hub.cohort_count
        assert "subscribed" == (await client.subscribe(*MANY, batch=True, max_hz=50))["type"]
        await publish_all(running, 4)
        await client.until_newest(4, (SINGLE[0], *SINGLE[2:], *MANY))
        assert ([1, 2, 3], [3, 4]) == (client.seqs(SINGLE[1]), client.seqs(MANY[0]))


@pytest.mark.parametrize("packed", [False, True])
async def test_symbols_that_are_served_no_more_are_gone_from_every_set(start: Start, packed: bool) -> None:
    """Other symbols keep their options; an empty set makes room for another."""
    running = await start(symbols=parse_symbols(",".join(SINGLE + MANY)))
    async with forms_client(running.url, packed=packed) as client:
        await client.subscribe(SINGLE[0])
        await client.subscribe(SINGLE[1], max_hz=50)
        await client.subscribe(SINGLE[2], conflate=False)
        await client.subscribe(*MANY, batch=True)
        assert 4 == running.gateway.hub.cohort_count
        left = (SINGLE[0], *SINGLE[2:], *MANY[:10])
        reload(
            running.gateway, msgspec.structs.replace(running.gateway.settings, symbols=parse_symbols(",".join(left)))
        )
        await client.until(lambda client: bool(client.told("unsubscribed")))
        gone = sorted((SINGLE[1], *MANY[10:]))
        assert [gone] == [sorted(one["symbols"]) for one in client.told("unsubscribed")]
        assert gone == sorted(one["symbol"] for one in client.told("symbol_status"))
        assert 3 == running.gateway.hub.cohort_count
        assert "subscribed" == (await client.subscribe(SINGLE[3], max_hz=50, batch=True))["type"]
        for seq in range(1, 4):
            await publish_all(running, seq)
            await client.until_newest(seq, left)
        assert [1, 2, 3] == client.seqs(SINGLE[2])
        assert ({"tick"}, {"ticks"}) == (client.forms(SINGLE[0]), client.forms(MANY[0]) | client.forms(SINGLE[3]))


@pytest.mark.parametrize("packed", [False, True])
async def test_another_token_changes_what_every_set_may_have(start: Start, packed: bool) -> None:
    """Another token may remove symbols of several sets, join sets by its cap, and give the rates back."""
    symbols = parse_symbols(",".join(SINGLE + MANY))
    running = await start(symbols=symbols, auth=AuthSettings(mode="jwt", jwt_secret=SECRET))

    async def show(client: FormsClient, **claims: Any) -> None:
        shown = token("HS256", SECRET, exp=4_000_000_000, iss=None, aud=None, **claims)
        answer = await client.ask(type="auth", token=shown)
        assert "authenticated" == answer["type"], answer

    async with forms_client(running.url, packed=packed) as client:
        await show(client)
        await client.subscribe(SINGLE[0])
        await client.subscribe(SINGLE[1], max_hz=5)
        await client.subscribe(SINGLE[2], conflate=False)
        await client.subscribe(SINGLE[3], *MANY, batch=True)
        await show(client, max_hz=0.1, symbols=[*SINGLE[:3], *MANY])
        assert sorted((*SINGLE[:3], *MANY)) == await held(client)
        # Three are alike now: single ticks at the rate that is allowed.
        assert 2 == running.gateway.hub.cohort_count
        assert "forbidden" == (await client.subscribe(SINGLE[2], conflate=False))["code"]
        await show(client)
        assert 4 == running.gateway.hub.cohort_count
        for seq in range(1, 4):
            await publish_all(running, seq)
            await client.until_newest(seq, (SINGLE[0], SINGLE[2], *MANY))
        assert [1, 2, 3] == client.seqs(SINGLE[2])
        assert [] == client.seqs(SINGLE[3])
        assert ({"tick"}, {"ticks"}) == (client.forms(SINGLE[0]), client.forms(MANY[0]))
