"""Lists of symbols, and the names that stand for them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.symbols import SymbolError, Symbols, parse_symbols

names = st.lists(st.from_regex(r"[A-Z0-9]{2,20}", fullmatch=True), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTCUSDT", ("BTCUSDT",)),
        (" btcusdt , ETHUSDT ", ("BTCUSDT", "ETHUSDT")),
        ("SOLUSDT,1INCHUSDT,BTCUSDT", ("SOLUSDT", "1INCHUSDT", "BTCUSDT")),
        ("币安人生usdt,B", ("币安人生USDT", "B")),
        ("btc-usdt,BTC/USD,btc_usd.p,kraken:xbt", ("BTC-USDT", "BTC/USD", "BTC_USD.P", "KRAKEN:XBT")),
        ("coinbase:btc-usd,Coinbase:ETH-USD", ("coinbase:BTC-USD", "coinbase:ETH-USD")),
        ("币" * 21 + "," + "x" * 64, ("币" * 21, "X" * 64)),
        ("straßeusdt,STRASSEUSDT,ıusdt,iusdt,İusdt", ("STRAßEUSDT", "STRASSEUSDT", "ıUSDT", "IUSDT", "İUSDT")),
    ],
)
def test_parse(text: str, expected: tuple[str, ...]) -> None:
    """A list is read in its order, blanks and case aside."""
    assert expected == parse_symbols(text).names


def test_parse_file(tmp_path: Path) -> None:
    """A file may use commas, white space and lines, and comment on them."""
    path = tmp_path / "symbols.txt"
    path.write_text("# the big ones\nBTCUSDT, ETHUSDT  # and\n\n solusdt\tBNBUSDT\n")
    assert ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT") == parse_symbols(f"@{path}").names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no symbol"),
        ("  ", "names no symbol"),
        ("BTCUSDT,,ETHUSDT", "empty entry"),
        ("BTCUSDT,", "empty entry"),
        ("BTC*USDT", r"'BTC\*USDT' is not a symbol"),
        ("BTC USDT", "'BTC USDT' is not a symbol; write it as the exchange does"),
        ("BTCUSDT ETHUSDT", "'BTCUSDT ETHUSDT' is not a symbol; separate symbols with commas, like BTCUSDT,ETHUSDT"),
        ("SOLUSDT,BTCUSDT\tETHUSDT\nBNBUSDT", "separate symbols with commas"),
        ("BTC ETH SOL", "separate symbols with commas"),
        ("BTC\u3000USDT", "is not a symbol"),
        ("BTC\u200bUSDT", "is not a symbol"),
        ("BTC\x00USDT", "is not a symbol"),
        ("BTC\ud800USDT", "is not a symbol"),
        ("币" * 22, "is not a symbol"),
        ("X" * 65, "is not a symbol"),
        ("'BTCUSDT'", "is not a symbol"),
        ('"BTCUSDT"', "is not a symbol"),
        ("btcusdt@ticker", "is not a symbol"),
        ("BTCUSDT#", "is not a symbol"),
        ("X" * 5000, "is not a symbol"),
        ("*", "is not a symbol"),
        ("BTCUSDT,btcusdt", "BTCUSDT is named twice"),
        ("@/no/such/file", "cannot read '/no/such/file'"),
    ],
)
def test_parse_refuses(text: str, says: str) -> None:
    """An unusable entry is named in one short line."""
    with pytest.raises(SymbolError, match=says) as refusal:
        parse_symbols(text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_parse_empty_or_binary_file(tmp_path: Path) -> None:
    """A file without symbols, or that is no text, is refused."""
    path = tmp_path / "symbols.txt"
    path.write_text("# nothing yet\n")
    with pytest.raises(SymbolError, match="names no symbol"):
        parse_symbols(f"@{path}")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SymbolError, match="not UTF-8"):
        parse_symbols(f"@{path}")


@pytest.mark.parametrize(
    ("listed", "name", "expected"),
    [
        (["BTCUSDT"], "BTC", "BTCUSDT"),
        (["BTCUSDT"], "btc", "BTCUSDT"),
        (["BTCUSDT"], "btcusdt", "BTCUSDT"),
        (["BTCEUR", "BTCUSDT", "BTCUSDC"], "BTC", "BTCUSDT"),
        (["BTCEUR", "BTCUSDC"], "BTC", "BTCUSDC"),
        (["ETHBTC"], "ETH", "ETHBTC"),
        (["ETHBTC"], "BTC", None),
        (["BTC", "BTCUSDT"], "BTC", "BTC"),
        (["XYZ"], "XY", None),
        (["USDT"], "", None),
        (["BTCUSDT"], "ETH", None),
        (["币安人生USDT"], "币安人生usdt", "币安人生USDT"),
        (["币安人生USDT"], "币安人生", "币安人生USDT"),
        (["BTC-USDT"], "btc-usdt", "BTC-USDT"),
        (["BTC/USDT"], "btc", "BTC/USDT"),
        (["STRAßEUSDT"], "straßeusdt", "STRAßEUSDT"),
        (["STRAßEUSDT"], "STRASSEUSDT", None),
        (["IUSDT"], "ıusdt", None),
        (["ıUSDT"], "iusdt", None),
        (["BTCUSDT", "coinbase:BTC-USD"], "btc", "BTCUSDT"),
        (["BTCUSDT", "coinbase:BTC-USD"], "coinbase:btc-usd", "coinbase:BTC-USD"),
        (["BTCUSDT", "coinbase:BTC-USD"], "Coinbase:BTC", "coinbase:BTC-USD"),
        (["kPEPE"], "KPEPE", "kPEPE"),
        (["kPEPE"], "kpepe", "kPEPE"),
        (["BTCUSDT"], "btc/usdt", "BTCUSDT"),
        (["BTCUSDT"], "BTC-USDT", "BTCUSDT"),
        (["BTCUSDT", "BTC_USDT"], "BTC_USDT", "BTC_USDT"),
        (["BTCUSDT", "BTC_USDT"], "BTC-USDT", None),
        (["BTCUSDT", "coinbase:BTC-USD"], "coinbase:btc/usd", "coinbase:BTC-USD"),
    ],
)
def test_resolve(listed: list[str], name: str, expected: str | None) -> None:
    """A base asset stands for its pair with the best known quote asset, and so does a pair with another separator.

    Neither hides a symbol.
    """
    assert expected == Symbols(listed).resolve(name)


@given(names)
def test_every_symbol_resolves_to_itself(listed: list[str]) -> None:
    """Whatever the list, a symbol means itself, as the same object, and an alias means a listed symbol."""
    symbols = Symbols(listed)
    assert tuple(listed) == tuple(symbols)
    assert len(listed) == len(symbols)
    for name in listed:
        assert name in symbols
        assert symbols.resolve(name.lower()) is symbols.resolve(name) is name
    for alias, name in symbols.aliases.items():
        assert alias not in symbols
        assert name in symbols
        assert symbols.resolve(alias) is name


@given(names)
def test_parse_reads_what_is_written(listed: list[str]) -> None:
    """Any list of proper symbols survives being written with commas."""
    assert tuple(listed) == parse_symbols(",".join(listed)).names


def test_symbols_of_one_venue() -> None:
    """The symbols of one venue keep their order."""
    symbols = parse_symbols("coinbase:B-USD,AUSDT,coinbase:A-USD")
    assert ("coinbase:B-USD", "coinbase:A-USD") == symbols.of_venue("coinbase").names
    assert ("AUSDT",) == symbols.of_venue("binance").names
