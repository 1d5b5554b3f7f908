"""Prices from a recording."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from market.prices.instruments import Instrument, Scales
from market.prices.stats import Stats
from poller.errors import PollerError
from poller.source import Update
from poller.venues.replay import Replay
from tests.fakes import run_virtual
from tests.poller.listening import RecordingListener, Tell
from tests.poller.recording import EXCHANGE_INFO, RECORDING, recorded_quotes

SYMBOLS = ("NKNUSDT", "BLZETH", "LRCBTC")


async def room() -> None:
    """There is always room."""


def replay(path: Path, symbols: tuple[str, ...] = SYMBOLS, speed: float = 0) -> Replay:
    """A replay of ``path``; its clock always reads 5."""
    return Replay(symbols, path, speed=speed, now_us=lambda: 5, room=room)


def traded(**scales: Scales) -> dict[str, Instrument]:
    """Instruments with these scales."""
    return {symbol: Instrument("trading", its) for symbol, its in scales.items()}


def line(seconds: float | str, stream: str, **data: object) -> str:
    """One line of a recording."""
    return f"{seconds}: {json.dumps({'stream': stream, 'data': data})}\n"


def book_ticker(seconds: float | str, update_id: int, **data: object) -> str:
    """A line with a quote of A1."""
    sound = {"u": update_id, "s": "A1", "b": "1.10", "B": "1.0", "a": "1.2000", "A": "20"}
    return line(seconds, "a1@bookTicker", **(sound | data))


async def test_real_recording() -> None:
    """Every quote of a real recording comes once, in order, as its own strings, received now."""
    source = replay(RECORDING)
    updates: list[Update] = []
    assert "down" == source.state.link
    await source.run(Tell(updates.append))
    assert 84 == len(updates)
    assert recorded_quotes() == [
        {"u": its.update_id, "s": its.symbol, "b": its.bid, "B": its.bid_size, "a": its.ask, "A": its.ask_size}
        for its in updates
    ]
    assert {5} == {update.recv_us for update in updates}
    assert ("down", "the recording has ended") == (source.state.link, source.state.reason)
    assert {"malformed": 0} == source.counters


async def test_only_what_was_asked_for() -> None:
    """Symbols of the recording that are not served are left out."""
    updates: list[Update] = []
    await replay(RECORDING, ("LRCBTC",)).run(Tell(updates.append))
    assert ["LRCBTC"] * 9 == [update.symbol for update in updates]


async def test_scales_from_exchange_info() -> None:
    """An exchangeInfo answer beside the recording gives the scales."""
    expected = traded(NKNUSDT=Scales(4, 0), BLZETH=Scales(8, 0), LRCBTC=Scales(8, 0))
    assert expected == await replay(RECORDING).instruments()


async def test_scales_from_plain_exchange_info(tmp_path: Path) -> None:
    """The answer may also be the plain body, in a file with exchangeInfo in its name."""
    shutil.copy(RECORDING, tmp_path / "recording.txt")
    text = EXCHANGE_INFO.read_text()
    answer = json.loads(text[text.index("{") :])
    for symbol in answer["symbols"]:
        symbol["filters"][0]["tickSize"] = "0.00000100"
    (tmp_path / "my-exchangeInfo.json").write_text(json.dumps(answer, indent=2))
    instruments = await replay(tmp_path / "recording.txt").instruments()
    assert {6} == {its.scales.price for its in instruments.values()}


async def test_scales_from_the_recording_s_own_digits(tmp_path: Path) -> None:
    """Without an exchangeInfo the scales are the most decimals used, without trailing zeros."""
    shutil.copy(RECORDING, tmp_path)
    instruments = await replay(tmp_path / RECORDING.name).instruments()
    assert traded(NKNUSDT=Scales(4, 0), BLZETH=Scales(8, 0), LRCBTC=Scales(8, 0)) == instruments


async def test_scales_of_what_exchange_info_lacks(tmp_path: Path) -> None:
    """A symbol that the exchangeInfo does not list has the scales of its own digits."""
    (tmp_path / "r.txt").write_text(
        book_ticker(1, 1, b="1.1000", A="0.250")
        + line(2, "a1@miniTicker", e="24hrMiniTicker", E=1, s="A1", c="1.123", v="7")
    )
    shutil.copy(EXCHANGE_INFO, tmp_path)
    assert traded(A1=Scales(3, 2)) == await replay(tmp_path / "r.txt", ("A1",)).instruments()


async def test_unusable_exchange_info(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that only looks like an exchangeInfo is named in a warning and passed over."""
    (tmp_path / "r.txt").write_text(book_ticker(1, 1))
    (tmp_path / "exchangeInfo.json").write_text('{"code":-1003}\n{nonsense')
    assert traded(A1=Scales(1, 0)) == await replay(tmp_path / "r.txt", ("A1",)).instruments()
    assert "exchangeInfo.json holds no exchangeInfo answer" in caplog.text


async def test_symbols_that_the_recording_lacks(caplog: pytest.LogCaptureFixture) -> None:
    """A symbol without any price in the recording is named in a warning, and is unknown."""
    instruments = await replay(RECORDING, ("RUNEEUR", "NKNUSDT", "BTCUSDT")).instruments()
    assert [("RUNEEUR", "unknown"), ("NKNUSDT", "trading"), ("BTCUSDT", "unknown")] == [
        (symbol, its.status) for symbol, its in instruments.items()
    ]
    assert "the recording has no price of it" == instruments["BTCUSDT"].reason
    assert "has no price of BTCUSDT, RUNEEUR" in caplog.text


async def test_no_symbol_in_the_recording() -> None:
    """If the recording has none of the symbols, the start fails and names some that it has."""
    with pytest.raises(PollerError, match=r"^SYMBOLS .*FEED's recording .* try BLZETH, LRCBTC, NKNUSDT$"):
        await replay(RECORDING, ("BTCUSDT",)).instruments()


@pytest.mark.parametrize("content", ["", "wss://x <-> 1\n", "1: {}\n", "garbage\n"])
async def test_no_price_in_the_recording(tmp_path: Path, content: str) -> None:
    """A file without any price stops the start, too."""
    (tmp_path / "r.txt").write_text(content)
    with pytest.raises(PollerError, match="there is no price in it"):
        await replay(tmp_path / "r.txt").instruments()


async def test_no_recording(tmp_path: Path) -> None:
    """A recording that cannot be read stops the start, with the variable's name and the reason."""
    with pytest.raises(PollerError, match=r"^FEED names .*cannot be read \(No such file or directory\)"):
        await replay(tmp_path / "gone.txt").instruments()


async def test_malformed_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Unreadable lines are counted and skipped; other streams, answers and blank lines are just left out."""
    path = tmp_path / "r.txt"
    broken = [
        b"no time at all\n",
        b"1.5\n",
        b'nan: {"stream":"a1@bookTicker"}\n',
        b"2: {\n",
        b"2: \xff\xfe\n",
        b'2: {"stream":5}\n',
        line(2, "a1@bookTicker", s="A1").encode(),
        line(2, "a1@bookTicker", s="A1", u="x").encode(),
        line(2, "a1@miniTicker", s="A1").encode(),
    ]
    left_out = [
        b"\n",
        b"wss://elsewhere/stream?streams=x <-> 3\n",
        line(2, "a1@aggTrade", e="aggTrade", p="1").encode(),
        b'2: {"result":null,"id":1}\n',
    ]
    sound = book_ticker(1, 1).encode()
    path.write_bytes(sound + b"".join(broken) + b"".join(left_out) + book_ticker(3, 2).encode())
    source = replay(path, ("A1",))
    assert ["A1"] == list(await source.instruments())
    updates: list[Update] = []
    await source.run(Tell(updates.append))
    assert [1, 2] == [update.update_id for update in updates]
    assert len(broken) == source.counters["malformed"]
    assert f"{len(broken)} lines of {path} could not be understood" in caplog.text


async def test_mini_ticker(tmp_path: Path) -> None:
    """A miniTicker becomes a summary, with the exchange's own time."""
    path = tmp_path / "r.txt"
    path.write_text(line(1, "a1@miniTicker", e="24hrMiniTicker", E=1_700_000_000_123, s="A1", c="1.5", v="7.25"))
    updates: list[Update] = []
    await replay(path, ("A1",)).run(Tell(updates.append))
    at_us = 1_700_000_000_123_000
    stats = Stats(symbol="A1", ts_us=at_us, last="1.5", volume="7.25")
    assert [Update(symbol="A1", recv_us=5, event_us=at_us, last="1.5", volume="7.25", stats=stats)] == updates


@pytest.mark.parametrize(("speed", "expected"), [(1, [0, 0.5, 10, 10, 12]), (4, [0, 0.125, 2.5, 2.5, 3])])
def test_speed(tmp_path: Path, speed: float, expected: list[float]) -> None:
    """Updates come as far apart as they were recorded, divided by the speed; time that goes back is no wait."""
    path = tmp_path / "r.txt"
    seconds = [1633998511.5, 1633998512, 1633998521.5, 1633998520, 1633998523.5]
    path.write_text("".join(book_ticker(second, number) for number, second in enumerate(seconds)))

    async def main() -> list[float]:
        time = asyncio.get_running_loop().time
        updates: list[float] = []
        await replay(path, ("A1",), speed).run(Tell(lambda _: updates.append(time())))
        return updates

    assert pytest.approx(expected, abs=1e-6) == run_virtual(main())


async def test_as_fast_as_it_goes(tmp_path: Path) -> None:
    """At speed 0 a long recording waits for room before its first quote, and often after that."""
    path = tmp_path / "r.txt"
    path.write_text("".join(book_ticker(second, second) for second in range(2_000)))
    updates: list[Update] = []
    seen: list[int] = []

    async def counted_room() -> None:
        seen.append(len(updates))

    await Replay(("A1",), path, speed=0, now_us=lambda: 5, room=counted_room).run(Tell(updates.append))
    assert [0, 250, 500, 750, 1000, 1250, 1500, 1750] == seen
    assert 2_000 == len(updates)


async def test_exchange_info_of_another_day(tmp_path: Path) -> None:
    """A status BREAK or DELISTED in the exchangeInfo does not halt symbols of the recording."""
    (tmp_path / "r.txt").write_text(book_ticker(1, 1))
    listed = {"symbol": "A1", "status": "BREAK", "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.001"}]}
    (tmp_path / "exchangeInfo.json").write_text(json.dumps({"symbols": [listed]}))
    assert traded(A1=Scales(3, 0)) == await replay(tmp_path / "r.txt", ("A1",)).instruments()


@pytest.mark.parametrize("deep", ['{"x":' + "[" * 5_000, '{"stream":"a1@bookTicker","data":' + "[" * 5_000])
async def test_endlessly_nested_lines(tmp_path: Path, deep: str) -> None:
    """A line with too deep nesting is malformed like others; the next ones are played."""
    path = tmp_path / "r.txt"
    path.write_text(book_ticker(1, 1) + f"2: {deep}\n" + book_ticker(3, 2))
    (tmp_path / "exchangeInfo.json").write_text('{"symbols":' + "[" * 5_000)
    source = replay(path, ("A1",))
    assert ["A1"] == list(await source.instruments())
    updates: list[Update] = []
    await source.run(Tell(updates.append))
    assert [1, 2] == [update.update_id for update in updates]
    assert 1 == source.counters["malformed"]


def test_symbols_added_and_removed_while_playing(tmp_path: Path) -> None:
    """The rest of a new symbol is played, nothing more of a removed one; an absent symbol is unknown."""
    path = tmp_path / "r.txt"
    path.write_text("".join(book_ticker(second, second) for second in range(1, 11)) + _quotes_of_b1())

    source = replay(path, ("A1",), 1)
    # In a loop of its own: a virtual clock does not wait for the thread that reads the file.
    asyncio.run(source.instruments())

    async def main() -> RecordingListener:
        listener = RecordingListener()
        running = asyncio.create_task(source.run(listener))
        await asyncio.sleep(4.5)
        source.serve(("B1", "C1"))
        await running
        return listener

    listener = run_virtual(main())
    assert [("B1", "trading"), ("C1", "unknown")] == [(symbol, its.status) for symbol, its in listener.listings]
    assert [1, 2, 3, 4, 5] == [update.update_id for update in listener.updates if update.symbol == "A1"]
    assert [11, 12] == [update.update_id for update in listener.updates if update.symbol == "B1"]


def _quotes_of_b1() -> str:
    return "".join(
        line(second, "b1@bookTicker", u=second, s="B1", b="1.1", B="1", a="1.2", A="1") for second in (11, 12)
    )
