"""The walks of ``docs/design.md`` are the ways that a tick and a handshake really take."""

import ast
import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from market.bus import open_bus
from market.prices.symbols import parse_symbols
from poller.app import Poller
from poller.settings import PollerSettings
from tests.client import Client, connected
from tests.exchange import Exchange
from tests.gateway.conftest import start_gateway
from tests.poller.listening import LIMITS
from tests.recorded_calls import Call, recorded_calls
from tests.valkey import Valkey
from tests.waiting import until
from tests.walks import ROOT, SOCKET, Step, Walk, WalkError, read_walk, require_names, require_taken

TICK, HANDSHAKE = "The way of a tick", "The way of a handshake"
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
WALKS = {heading: read_walk(PAGE, heading) for heading in (TICK, HANDSHAKE)}

SYMBOL = "BTCUSDT"
TICKS = 5
"""A heartbeat that is due at the same moment may wake the publisher in a tick's place; it is not due five times."""


async def a_client_comes_and_ticks_flow(bus_url: str) -> list[Call]:
    """An exchange, a poller and a gateway in this process: what is entered while a client comes and gets ticks."""
    symbols, stop = parse_symbols(SYMBOL), asyncio.Event()
    async with Exchange([SYMBOL], LIMITS) as exchange:
        gateway = await start_gateway(symbols=symbols, bus_url=bus_url)
        settings = PollerSettings(
            symbols=symbols, feed="binance-ws", rest_url=(exchange.rest_url,), ws_url=(exchange.ws_url,)
        )
        poller = Poller(settings, open_bus(bus_url))
        polling = asyncio.create_task(poller.run(stop))
        try:
            # Nothing is to be said by REST any more, and there is a price for a snapshot.
            await until(lambda: any(connection.streams for connection in exchange.connections))
            await until(lambda: gateway.gateway.feed.live and SYMBOL in gateway.gateway.hub._last)
            with recorded_calls() as calls:
                async with connected(gateway.url) as client:
                    await client.subscribe(SYMBOL)
                    await client.until(lambda client: bool(client.prices[SYMBOL]))
                    for number in range(1, TICKS + 1):
                        published = poller.publisher.published
                        exchange.quote(SYMBOL, bid=f"60000.0{number}", ask="60001")
                        await client.until(has_bid(6_000_000 + number))
                        # The client may have it before the bus has told the publisher that it may send the next one.
                        await until(lambda: poller.publisher.published > published)  # noqa: B023 - waited for here
        finally:
            await gateway.close()
            stop.set()
            await polling
    return calls


def has_bid(bid: int) -> Callable[[Client], bool]:
    """Whether the newest price has this bid."""
    return lambda client: client.prices[SYMBOL][-1]["bid"] == bid


@pytest.fixture(scope="module")
def calls(_valkey: Valkey) -> list[Call]:
    """What was entered, in order. asyncio's own event loop runs it, whatever other tests run on."""
    _valkey.renew()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(a_client_comes_and_ticks_flow(_valkey.url))


@pytest.mark.parametrize("heading", WALKS)
def test_each_file_is_named_once_and_has_its_functions(heading: str) -> None:
    """No step leads back to an earlier file, and none to a function that is not there."""
    require_names(WALKS[heading])


@pytest.mark.parametrize("heading", WALKS)
def test_what_runs_takes_the_walk(heading: str, calls: list[Call]) -> None:
    """Each step enters the next, and nothing else of ours is between them, from bytes in to bytes out."""
    require_taken(WALKS[heading], calls)


def other_walks(walk: Walk) -> Iterator[tuple[str, Walk]]:
    """``walk`` with one thing wrong, in every way."""
    for at, step in enumerate(walk):
        yield f"without {step.path}", (*walk[:at], *walk[at + 1 :])
        if at:
            yield f"{step.path} too early", (*walk[: at - 1], step, walk[at - 1], *walk[at + 1 :])
        for number, function in enumerate(step.functions):
            renamed = function._replace(name=f"{function.name}_again")
            functions = (*step.functions[:number], renamed, *step.functions[number + 1 :])
            yield f"{function} renamed", _with(walk, at, step._replace(functions=functions))
            unlike = function._replace(entry="" if function.entry else SOCKET)
            functions = (*step.functions[:number], unlike, *step.functions[number + 1 :])
            yield f"{function} entered otherwise", _with(walk, at, step._replace(functions=functions))
        if len(step.functions) > 1:
            yield f"{step.path} backwards", _with(walk, at, step._replace(functions=step.functions[::-1]))
        for number, asked in enumerate(step.asks):
            before, rest = step.asks[:number], step.asks[number + 1 :]
            for function in asked.functions:
                renamed_step = asked._replace(functions=(function._replace(name=f"{function.name}_again"),))
                yield f"{function} renamed", _with(walk, at, step._replace(asks=(*before, renamed_step, *rest)))
            if len(asked.functions) > 1:
                backwards = asked._replace(functions=asked.functions[::-1])
                yield f"{asked.path} backwards", _with(walk, at, step._replace(asks=(*before, backwards, *rest)))
            without, other = _with(walk, at, step._replace(asks=(*before, *rest))), at - 1 if at else at + 1
            asker = without[other]._replace(asks=(*without[other].asks, asked))
            yield f"{asked.path} asked by {asker.path}", _with(without, other, asker)


def _with(walk: Walk, at: int, step: Step) -> Walk:
    return (*walk[:at], step, *walk[at + 1 :])


@pytest.mark.parametrize("heading", WALKS)
def test_a_walk_that_is_wrong_is_found(heading: str, calls: list[Call]) -> None:
    """With one step left out, moved, renamed or entered otherwise, nothing that runs takes the walk."""
    unnoticed = []
    for what, walk in other_walks(WALKS[heading]):
        with suppress(WalkError):
            require_taken(walk, calls)
            unnoticed.append(what)
    assert [] == unnoticed


def other_pages(heading: str) -> Iterator[tuple[str, str]]:
    """The page with one step renamed, removed or exchanged with the one before."""
    start = PAGE.index(f"\n## {heading}\n")
    end = PAGE.find("\n## ", start + 1)
    intro, *steps = re.split(r"^(?=\d+\. )", PAGE[start:end], flags=re.MULTILINE)
    steps[-1], blank, behind = steps[-1].partition("\n\n")

    def page(*others: str) -> str:
        return f"{PAGE[:start]}{intro}{''.join(others)}{blank}{behind}{PAGE[end:]}"

    for at, step in enumerate(steps):
        first = step.partition("\n")[0]
        yield f"removed: {first}", page(*steps[:at], *steps[at + 1 :])
        renamed = re.sub(r"`: `(\w+)", r"`: `\1Again", step, count=1)
        yield f"renamed: {first}", page(*steps[:at], renamed, *steps[at + 1 :])
        if at:
            yield f"exchanged: {first}", page(*steps[: at - 1], step, steps[at - 1], *steps[at + 1 :])


@pytest.mark.parametrize("heading", WALKS)
def test_a_page_that_is_wrong_is_found(heading: str, calls: list[Call]) -> None:
    """The same of the text itself: a step renamed, removed or exchanged with another."""
    unnoticed = []
    for what, page in other_pages(heading):
        walk = read_walk(page, heading)
        assert walk != WALKS[heading]
        with suppress(WalkError):
            require_taken(walk, calls)
            unnoticed.append(what)
    assert [] == unnoticed


WRITTEN = """
## A walk

1. `gateway/fanout/hub.py`: `Hub.publish` (from the socket). Sentence,
   in two lines.
   - `gateway/fanout/cohorts/group.py`: `ConflatingGroup.flush`. Sentence.
     And one more.
2. `gateway/fanout/cohorts/cohort.py`: `Cohort.flush_newest`, `Cohort._flush`. Sentence.

Nothing of this.
"""


def test_a_walk_is_read_with_what_each_step_asks() -> None:
    """Lines that go on belong to their step, and what is set in below a step is asked by it."""
    first, second = read_walk(WRITTEN, "A walk")
    assert ("gateway/fanout/hub.py", "Sentence, in two lines.") == (first.path, first.why)
    assert [("Hub.publish", SOCKET)] == [(function.name, function.entry) for function in first.functions]
    assert ["gateway/fanout/cohorts/group.py"] == [step.path for step in first.asks]
    assert ["Cohort.flush_newest", "Cohort._flush"] == [function.name for function in second.functions]
    require_names((first, second))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("## A walk", "## Another", "no numbered list"),
        ("`Hub.publish` (from", "Hub.publish (from", "write a step as"),
        ("flush`. Sentence.\n     And one more.", "flush`.", "write a step as"),
        ("from the socket", "from heaven", "no way to enter"),
        ("cohorts/cohort.py", "cohorts/cohorte.py", "there is no file gateway/fanout/cohorts/cohorte.py"),
        ("Cohort._flush", "Cohort._flash", "there is no Cohort._flash"),
        ("Cohort._flush", "_flush", "there is no _flush"),
        ("cohorts/group.py`: `ConflatingGroup.flush", "hub.py`: `Hub.move", "named twice"),
        ("   - `gateway/fanout/cohorts/group.py`", "   `gateway/fanout/cohorts/group.py`", "is a step of its own"),
    ],
)
def test_a_walk_that_is_written_wrong_is_told_so(before: str, after: str, problem: str) -> None:
    """What cannot be read, and names of what is not there, are told by what is wrong."""
    with pytest.raises(WalkError, match=problem):
        require_names(read_walk(WRITTEN.replace(before, after), "A walk"))


@pytest.mark.parametrize(("package", "heading"), [("poller", TICK), ("gateway", TICK), ("gateway", HANDSHAKE)])
def test_the_first_words_of_a_package_have_the_walk_in_short(package: str, heading: str) -> None:
    """``__init__.py`` of gateway and poller name the same files in the same order, and where to read on."""
    words = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))) or ""
    files = [step.path for step in WALKS[heading] if step.path.startswith(f"{package}/")]
    names = [path.removeprefix(f"{package}/").removesuffix(".py").replace("/", ".") for path in files]
    assert f" ─▶ {' ─▶ '.join(names)} ─▶ " in " ".join(words.split())
    assert "docs/design.md" in words
