"""What a URL asks for, as clients write it."""

import pytest

from gateway.binance.target import BadTargetError, is_stream_path, parse


@pytest.mark.parametrize(
    ("path", "query", "names", "combined"),
    [
        ("/ws", "", (), False),
        ("/ws/", "", (), False),
        ("/ws/0", "", (), False),
        ("/ws/btcusdt@bookTicker", "", ("btcusdt@bookTicker",), False),
        ("/ws/btcusdt%40bookTicker", "", ("btcusdt@bookTicker",), False),
        ("/ws/a@ticker/b@ticker/a@ticker", "", ("a@ticker", "b@ticker"), False),
        ("/ws/!miniTicker@arr", "", ("!miniTicker@arr",), False),
        ("/streams/ws/1", "", (), False),
        ("/streams/ws/a@ticker", "", ("a@ticker",), False),
        ("/stream", "", (), True),
        ("/stream/0", "", (), True),
        ("/stream", "streams=", (), True),
        ("/stream", "streams=a@ticker/b%40ticker", ("a@ticker", "b@ticker"), True),
        ("/stream", "streams=a@ticker%2Fb@ticker", ("a@ticker", "b@ticker"), True),
        ("/stream", "streams=a@ticker&token=x", ("a@ticker",), True),
    ],
)
def test_streams_are_named_in_the_path_or_in_the_query(
    path: str, query: str, names: tuple[str, ...], combined: bool
) -> None:
    """Encoded or not, each once; a number where a name stands names nothing."""
    target = parse(path, query)
    assert (names, combined) == (target.names, target.combined)


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/ws/a@ticker", "timeUnit={}"),
        ("/stream", "streams=a@ticker&timeUnit={}"),
        ("/stream", "streams=a@ticker?timeUnit={}"),
    ],
)
def test_the_unit_of_times_is_a_parameter(path: str, query: str, unit: str) -> None:
    """One client writes a second question mark, inside the list."""
    target = parse(path, query.format(unit))
    assert target.micro
    assert ("a@ticker",) == target.names
    assert not parse(path, query.format("MILLISECOND")).micro


def test_another_unit_is_refused() -> None:
    """The words name it."""
    with pytest.raises(BadTargetError, match="timeUnit is MILLISECOND or MICROSECOND, not SECOND"):
        parse("/ws/a@ticker", "timeUnit=SECOND")


@pytest.mark.parametrize("path", ["/wsx", "/streamx", "/streams", "/streams/stream", "/api/v3/ping", "/", ""])
def test_other_paths_are_no_streams(path: str) -> None:
    """Only these have a WebSocket."""
    assert not is_stream_path(path)
