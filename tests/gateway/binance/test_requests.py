"""The parameters of requests, and Binance's codes for those that are wrong."""

import json

import pytest

from gateway.binance.requests import ApiError, choice, named

KNOWN = {"BTCUSDT", "ETHUSDT", "币安人生USDT"}


@pytest.mark.parametrize(
    ("query", "symbols", "alone"),
    [
        ({"symbol": "BTCUSDT"}, ["BTCUSDT"], True),
        ({"symbol": "币安人生USDT"}, ["币安人生USDT"], True),
        ({"symbols": '["BTCUSDT","ETHUSDT"]'}, ["BTCUSDT", "ETHUSDT"], False),
        ({"symbols": '["BTCUSDT"]', "timestamp": "1"}, ["BTCUSDT"], False),
    ],
)
def test_one_symbol_is_named_or_a_list_of_them(query: dict[str, str], symbols: list[str], alone: bool) -> None:
    """What else there is, nobody reads."""
    found = named(query, KNOWN.__contains__)
    assert found is not None
    assert (symbols, alone) == (found.symbols, found.alone)


def test_no_name_means_all() -> None:
    """As at Binance."""
    assert named({}, KNOWN.__contains__) is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "XRPUSDT"}, -1121),
        ({"symbol": ""}, -1105),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbol": "BTC/USDT"}, -1100),
        ({"symbol": "A" * 51}, -1100),
        ({"symbols": ""}, -1105),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbols": "[]"}, -1100),
        ({"symbols": "[1]"}, -1100),
        ({"symbols": '["btcusdt"]'}, -1100),
        ({"symbols": '["BTCUSDT","XRPUSDT"]'}, -1121),
        ({"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ({"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
    ],
)
def test_what_is_wrong_has_binances_code(query: dict[str, str], code: int) -> None:
    """And is a body as Binance's: a code, and words."""
    with pytest.raises(ApiError) as refused:
        named(query, KNOWN.__contains__)
    body = json.loads(refused.value.body)
    assert ["code", "msg"] == list(body)
    assert (400, code) == (refused.value.status, body["code"])


def test_a_word_is_one_of_those_that_there_are() -> None:
    """Else the answer says which."""
    assert "MINI" == choice({"type": "MINI"}, "type", "FULL", ("FULL", "MINI"))
    assert "FULL" == choice({}, "type", "FULL", ("FULL", "MINI"))
    with pytest.raises(ApiError, match=r"parameter 'type'; legal range is 'FULL\|MINI'"):
        choice({"type": "mini"}, "type", "FULL", ("FULL", "MINI"))
