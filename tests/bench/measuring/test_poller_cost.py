"""The driver that measures the poller's part."""

import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.measuring.poller_cost import Pipeline, main, messages, pipeline, run, wrong

RECORDED = Path(__file__).parents[2] / "fixtures" / "binance-ws-bookticker.txt"


def changed(old: bytes, new: bytes) -> Callable[[Mapping[str, tuple[int, int]]], Pipeline]:
    """A poller that makes ticks with ``new`` in place of ``old``."""

    def make(scales: Mapping[str, tuple[int, int]]) -> Pipeline:
        process = pipeline(scales)
        return lambda message, recv_us: (process(message, recv_us) or b"").replace(old, new) or None

    return make


def test_every_message_makes_the_tick_that_it_should() -> None:
    """Quotes and summaries of a hundred symbols with three pairs of scales; prices are compared as decimals."""
    scales, made = messages()
    assert (len(scales), len({*scales.values()}), len(made)) == (100, 3, 100 * 110)
    assert wrong(pipeline(scales), made) == []


def test_messages_are_as_the_exchange_writes_them() -> None:
    """As a recorded quote: the same members in the same order, each in the same form."""
    recorded = re.search(r'\{"stream":"\w+@bookTicker".*', RECORDED.read_text())
    assert recorded is not None
    ours = json.loads(messages()[1][0].data)
    theirs = json.loads(recorded[0])
    assert list(ours) == list(theirs)
    assert list(ours["data"]) == list(theirs["data"])
    form = re.compile(r"\d+\.\d{8}")
    assert all(form.fullmatch(data["data"][name]) for data in (ours, theirs) for name in "bBaA")


def test_a_run_counts_whole_passes() -> None:
    """However short it is, one; each update makes a tick, and CPU was used."""
    answer = run(0)
    assert (answer["updates"], answer["ticks"], answer["wrong"]) == (11_000, 11_000, [])
    assert 0 < answer["cpu_s"] < 10


def test_a_poller_that_drops_updates_is_found() -> None:
    """It would be cheap."""
    answer = run(0, lambda _: lambda _message, _recv_us: None)
    assert (answer["updates"], answer["ticks"]) == (11_000, 0)
    assert len(answer["wrong"]) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"price_scale":2', b'"price_scale":3'), (b'"bid":', b'"bad":'), (b"C01USDT", b"C02USDT")],
)
def test_a_wrong_tick_is_found(old: bytes, new: bytes) -> None:
    """Another price, none, or another symbol's."""
    scales, made = messages()
    assert len(wrong(changed(old, new)(scales), made)) == 3


def test_commands_are_answered_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until they end."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"do":"run","seconds":0}\n' * 2))
    main()
    assert [json.loads(line)["ticks"] for line in capsys.readouterr().out.splitlines()] == [11_000, 11_000]


def test_a_poller_with_another_interface_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that names what was not found."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"do":"run","seconds":0}\n'))
    monkeypatch.delattr("poller.venues.binance.messages.parse_message")
    main()
    assert json.loads(capsys.readouterr().out)["error"].startswith("ImportError: cannot import name 'parse_message'")
