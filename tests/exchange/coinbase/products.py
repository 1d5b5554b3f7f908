"""What is listed, and the book and the last trade of each product."""

from datetime import UTC, datetime
from typing import Any

Levels = dict[str, str]
"""Price → size."""


class Product:
    """One product, as its streams tell it."""

    def __init__(self, name: str) -> None:
        base, _, quote = name.partition("-")
        self.name = name
        self.bids: Levels = {"100.00": "1.00000000", "99.99": "5.00000000", "99.00": "20.00000000"}
        self.asks: Levels = {"100.01": "2.00000000", "100.02": "6.00000000", "101.00": "30.00000000"}
        self.sequence = 1_000
        """Counts everything that happens to the product; messages skip what they do not tell."""
        self.trade_id = 50
        self.price = "100.00"
        self.size = "0.5"
        self.volume = "12153.23610960"
        self.changes: list[tuple[str, str, str]] = []
        """Of the book, not told yet."""
        self.listing: dict[str, Any] = {
            "id": name,
            "base_currency": base,
            "quote_currency": quote,
            "quote_increment": "0.01",
            "base_increment": "0.00000001",
            "display_name": f"{base}-{quote}",
            "min_market_funds": "1",
            "margin_enabled": False,
            "post_only": False,
            "limit_only": False,
            "cancel_only": False,
            "status": "online",
            "status_message": "",
            "trading_disabled": False,
            "fx_stablecoin": False,
            "auction_mode": False,
        }

    def level(self, side: str, price: str, size: str) -> None:
        """There is ``size`` at ``price`` from now on; zero takes the level away."""
        self.sequence += 3
        levels = self.bids if side == "buy" else self.asks
        if float(size):
            levels[price] = size
        else:
            levels.pop(price, None)
        self.changes.append((side, price, size))

    def snapshot(self) -> dict[str, Any]:
        """The whole book, best first."""
        bids = sorted(self.bids.items(), key=lambda level: -float(level[0]))
        asks = sorted(self.asks.items(), key=lambda level: float(level[0]))
        return {"type": "snapshot", "product_id": self.name, "asks": asks, "bids": bids, "time": now()}

    def update(self) -> dict[str, Any]:
        """What has changed since the last of these."""
        changes, self.changes = self.changes, []
        return {"type": "l2update", "product_id": self.name, "changes": changes, "time": now()}

    def ticker(self) -> dict[str, Any]:
        """The last trade. Its best prices are those of then, as the exchange's are."""
        return {
            "type": "ticker",
            "sequence": self.sequence,
            "product_id": self.name,
            "price": self.price,
            "open_24h": "71832.01",
            "volume_24h": self.volume,
            "low_24h": "71328.01",
            "high_24h": "74547.5",
            "volume_30d": "300607.82482589",
            "best_bid": "1.00",
            "best_bid_size": "1.00000000",
            "best_ask": "1.01",
            "best_ask_size": "1.00000000",
            "side": "buy",
            "time": now(),
            "trade_id": self.trade_id,
            "last_size": self.size,
        }

    def heartbeat(self) -> dict[str, Any]:
        """A sign of life."""
        return {
            "type": "heartbeat",
            "last_trade_id": self.trade_id,
            "product_id": self.name,
            "sequence": self.sequence,
            "time": now(),
        }


def now() -> str:
    """The time as the exchange writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
