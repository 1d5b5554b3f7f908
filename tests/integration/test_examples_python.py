"""The examples in Python, as a reader starts them, against a gateway as `make run` starts it."""

import asyncio
import os
import re
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.client import connected
from tests.integration.stacks import answers as answers_with
from tests.integration.stacks import run_plan, running, stack_of, ws_url

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
BOUND_S = 60.0
ADDRESS = "127.0.0.1:8080"
PAGES = (ROOT / "docs" / "clients.md", ROOT / "clients" / "python" / "README.md")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SNIPPETS = [code for page in PAGES for code in BLOCK.findall(page.read_text(encoding="utf-8")) if ADDRESS in code]
PRICE = re.compile(r"(BTC|ETH)USDT [0-9]+\.[0-9]{2} ")
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def environment() -> dict[str, str]:
    """The client can be imported; everything else is as for any program."""
    path = {"PYTHONPATH": str(ROOT / "clients" / "python")}
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | path


async def lines_of(*command: str | Path) -> list[str]:
    """What a program prints until it ends, which it must do well."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, *map(str, command)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        async with asyncio.timeout(BOUND_S):
            output, errors = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, errors.decode()
    return output.decode().splitlines()


async def first_lines(code: str) -> list[str]:
    """The first lines of a program that goes on for ever."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", code), stdout=asyncio.subprocess.PIPE, env=environment()
    )
    assert program.stdout is not None
    try:
        async with asyncio.timeout(BOUND_S):
            return [(await program.stdout.readline()).decode() for _ in range(5)]
    finally:
        program.kill()
        await program.wait()


async def test_the_examples_in_python_do_what_they_say(tmp_path: Path) -> None:
    """The bot trades, the notebook makes candles, and a recording that is played again has the same prices."""
    file = tmp_path / "recording.txt"
    assert 4 == len(SNIPPETS)
    async with running(run_plan()) as stack:
        url = ws_url(stack)
        bot, notebook, recorded = await asyncio.gather(
            lines_of(EXAMPLES / "bot" / "bot.py", url, "BTC", "--trades", "2", "--window", "5", "--threshold", "0.1"),
            lines_of(*(EXAMPLES / "notebook" / "notebook.py", "--", "--url", url, "--seconds", "2", "--every", "1s"))
            if find_spec("marimo") is not None
            else asyncio.sleep(0, None),
            lines_of(EXAMPLES / "recording" / "record.py", url, "BTC", "ETH", "--seconds", "2", "--to", file),
        )
        for lines in await asyncio.gather(
            *(first_lines(code.replace(ADDRESS, str(stack.plan.front))) for code in SNIPPETS)
        ):
            assert [] == [line for line in lines if not PRICE.match(line)]
    check_bot(bot)
    if notebook is not None:
        check_candles(notebook)
    (summary,) = recorded
    assert re.fullmatch(r"\d+ ticks of BTCUSDT, ETHUSDT", summary)
    await check_played_again(file, file.read_text(encoding="utf-8"))  # a small one
    if notebook is None:
        reason = "the notebook needs marimo and Polars, the extra `notebook`"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def check_bot(lines: list[str]) -> None:
    """Each trade changes cash by price times size, to the digit."""
    cash, held = Decimal(100_000), Decimal(0)
    trades = [line for line in lines if line.startswith(("bought", "sold"))]
    assert 2 == len(trades)
    for line in trades:
        match = re.fullmatch(r"(bought|sold) ([\d.]+) at ([\d.]+): ([\d.]+) in cash, ([\d.]+) held", line)
        assert match is not None
        size = Decimal(match[2]) * (1 if match[1] == "bought" else -1)
        cash, held = cash - size * Decimal(match[3]), held + size
        assert (cash, held) == (Decimal(match[4]), Decimal(match[5]))


def check_candles(lines: list[str]) -> None:
    """One each second; no price of it is outside of its high and low, and each has all its digits."""
    assert len(lines) >= 2
    for line in lines:
        match = re.fullmatch(r"BTCUSDT [\d:]+ open (\S+) high (\S+) low (\S+) close (\S+) \((\d+) ticks\)", line)
        assert match is not None, line
        prices = [Decimal(price) for price in match.groups()[:4]]
        assert [-3] * 4 == [price.as_tuple().exponent for price in prices]
        first, high, low, last = prices
        assert low <= min(first, last) <= max(first, last) <= high
        assert int(match[5]) > 0


async def check_played_again(file: Path, text: str) -> None:
    """A poller that plays ``file`` publishes the quotes in its ``text``, in their order."""
    told = {symbol: re.findall(rf'"s":"{symbol}","b":"([\d.]+)"', text) for symbol in SYMBOLS}
    assert all(len(bids) > 5 for bids in told.values())
    plan = run_plan(FEED=f"replay:{file}", REPLAY_SPEED="0", SYMBOLS=",".join(SYMBOLS))
    async with stack_of(plan) as stack:
        # The poller last: a recording waits for nobody.
        for name in (program.name for program in plan if program.name != "poller"):
            await stack.start_one(name)
        await answers_with(f"http://{plan.front}/", 200)
        async with connected(ws_url(stack)) as client:
            await client.subscribe("*", conflate=False)
            await stack.start_one("poller")
            await client.until(lambda client: "ended" in client.status.get("reason", ""), within_s=30)
            for symbol, bids in told.items():
                prices = client.prices[symbol]
                got = [f"{Decimal(price['bid']).scaleb(-price['price_scale']):f}" for price in prices if "bid" in price]
                assert without_repeats(bids) == without_repeats(got)


def without_repeats(bids: list[str]) -> list[str]:
    """A trade's new last price repeats the quote."""
    return [bid for number, bid in enumerate(bids) if number == 0 or bid != bids[number - 1]]
