"""A real recording of October 2021, read here independently of the code under test."""

import json
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"
RECORDING = FIXTURES / "binance-ws-bookticker.txt"
EXCHANGE_INFO = FIXTURES / "binance-exchangeInfo.txt"


def recorded_quotes() -> list[dict[str, str]]:
    """The data of each bookTicker message, in order: ``u s b B a A`` as Binance names them."""
    messages = [json.loads(line[line.index(": ") + 2 :]) for line in RECORDING.read_text().splitlines()[1:] if line]
    return [message["data"] for message in messages if message["stream"].endswith("@bookTicker")]
