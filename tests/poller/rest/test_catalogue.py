"""The periodic reading of one list of all symbols."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest

from market.prices.instruments import Instrument, Scales
from poller.errors import UnknownSymbolError
from poller.network.backoff import Backoff
from poller.rest.catalogue import Catalogue
from poller.rest.client import Failure
from poller.rest.timing import RestTiming
from tests.fakes import run_virtual

TRADED = Instrument("trading", Scales(2, 8))
HALTED = Instrument("halted", Scales(2, 8), "closed")


class ListingClient:
    """Answers with the test's listing, or with the given faults."""

    def __init__(self, **listed: Instrument) -> None:
        self.listed: Mapping[str, Instrument] = listed
        self.faults: list[Failure] = []
        self.asked: list[float] = []
        self.ban_reason = ""

    async def get(self, path: str, query: Mapping[str, str], weight: int, timeout_s: float) -> bytes | Failure:
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        return self.faults.pop() if self.faults else path.encode()


class Stage:
    """A catalogue of A and B that is listed."""

    def __init__(self, client: ListingClient, *symbols: str) -> None:
        self.client = client
        self.changes: list[tuple[str, str]] = []
        self.failing: list[str] = []
        any_client: Any = client
        self.catalogue = Catalogue(
            any_client,
            "/all",
            lambda body: client.listed if body == b"/all" else Failure("no list"),
            symbols or ("A", "B"),
            what="The exchange",
            timing=RestTiming(),
            changed=lambda symbol, its: self.changes.append((symbol, its.status)),
        )

    async def first(self) -> Mapping[str, Instrument]:
        return await self.catalogue.first(Backoff(1.0, 30.0, random.Random(1)), self.failing.append)


def test_every_symbol_has_an_answer() -> None:
    """A symbol that is not in the list is unknown; faults are reported and retried."""

    async def scene() -> None:
        client = ListingClient(A=TRADED, C=TRADED)
        client.faults, client.ban_reason = [Failure("HTTP 503"), Failure("HTTP 502")], "banned"
        stage = Stage(client)
        found = await stage.first()
        assert {"A": "trading", "B": "unknown"} == {symbol: its.status for symbol, its in found.items()}
        assert ["banned", "HTTP 502", "HTTP 503"] == stage.failing
        assert ("A",) == stage.catalogue.answerable
        assert (True, False, False) == tuple(stage.catalogue.is_traded(its) for its in "ABC")

    run_virtual(scene())


@pytest.mark.parametrize(
    ("symbols", "says"),
    [
        (["BTC-USDD"], r"SYMBOLS names BTC-USDD, which The exchange does not list; did you mean BTC-USD\?"),
        (["xxx", "yyy"], "SYMBOLS names xxx and 1 more, which The exchange does not list; remove it, or correct it"),
    ],
)
def test_none_is_listed(symbols: list[str], says: str) -> None:
    """A start without any listed symbol fails with the fix."""

    async def scene() -> None:
        client = ListingClient()
        client.listed = {"BTC-USD": TRADED}
        with pytest.raises(UnknownSymbolError, match=says):
            await Stage(client, *symbols).first()

    run_virtual(scene())


def test_what_changes_is_reported_within_a_minute() -> None:
    """A halt, its end, a removal from the list and a return are each reported once."""

    async def scene() -> None:
        stage = Stage(ListingClient(A=TRADED, B=TRADED))
        await stage.first()
        running = asyncio.create_task(stage.catalogue.run())
        for listed, changes in (
            ({"A": HALTED, "B": TRADED}, [("A", "halted")]),
            ({"A": HALTED, "B": TRADED}, []),
            ({"A": TRADED, "B": TRADED}, [("A", "trading")]),
            ({"B": TRADED}, [("A", "delisted")]),
            ({"B": TRADED}, []),
            ({"A": TRADED, "B": TRADED}, [("A", "trading")]),
        ):
            stage.changes.clear()
            stage.client.listed = listed
            await asyncio.sleep(66)
            assert changes == stage.changes
        stage.client.faults = [Failure("HTTP 503")]
        await asyncio.sleep(61)
        running.cancel()

    run_virtual(scene())


def test_doubts_are_settled_soon_and_asked_about_ever_more_rarely() -> None:
    """A permanent doubt costs one request a minute; the silence of one symbol costs none."""

    async def scene() -> None:
        stage = Stage(ListingClient(A=TRADED, B=TRADED))
        await stage.first()
        started = asyncio.get_running_loop().time()
        running = asyncio.create_task(stage.catalogue.run())
        stage.catalogue.doubt("A", silent=True)
        stage.catalogue.doubt("X")
        await asyncio.sleep(10)
        assert 1 == len(stage.client.asked)
        while asyncio.get_running_loop().time() < started + 600:
            stage.catalogue.doubt("A")
            await asyncio.sleep(0.5)
        running.cancel()
        asked = [at - started for at in stage.client.asked[1:]]
        assert asked[0] < 11
        assert 8 < len(asked) < 16

    run_virtual(scene())


def test_symbols_come_and_go() -> None:
    """A new symbol is unknown until its immediate request is answered; a removed one is not reported."""

    async def scene() -> None:
        stage = Stage(ListingClient(A=TRADED, B=TRADED, C=HALTED))
        await stage.first()
        running = asyncio.create_task(stage.catalogue.run())
        await asyncio.sleep(20)
        stage.catalogue.serve(["B", "C"])
        assert [("C", "unknown")] == stage.changes
        await asyncio.sleep(1)
        assert [("C", "unknown"), ("C", "halted")] == stage.changes
        assert {"B", "C"} == set(stage.catalogue.instruments)
        running.cancel()

    run_virtual(scene())
