"""What one client has asked for, and whether what it is sent is that."""

from typing import Any

MOST_NAMED = 5
"""So many faults are kept in words; of one that goes on, more would say nothing new."""


class Ledger:
    """Hears everything that comes to one client, over any number of connections."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        """Ever asked for."""
        self.held: set[str] = set()
        """What comes now, by the gateway's own answers."""
        self.seqs: dict[str, int] = {}
        """The newest of each symbol."""
        self.prices = 0
        self.gaps = 0
        """How often a tick did not follow right upon the one before; counted where each tick is asked for."""
        self.exact = False
        """Whether each tick is asked for, and nothing happens that could lose one."""
        self.wrong: list[str] = []

    def reconnected(self) -> None:
        """A new connection holds nothing; what was seen on the one before still counts."""
        self.held.clear()

    def hear(self, message: dict[str, Any]) -> None:
        """Check one message."""
        match message["type"]:
            case "tick":
                self._tick(message)
            case "ticks":
                for tick in message["ticks"]:
                    self._tick(tick)
            case "snapshot":
                self._price(message, least=self.seqs.get(message["symbol"], 0))
            case "subscribed":
                self.held.update(message["symbols"])
                if not self.held <= self.asked:
                    self._blame(f"{sorted(self.held - self.asked)} subscribed unasked")
            case "unsubscribed":
                self.held.difference_update(message["symbols"])
            case "symbol_status" if message["symbol"] not in self.held:
                self._blame(f"the state of {message['symbol']} came unasked")

    def _tick(self, tick: dict[str, Any]) -> None:
        before = self.seqs.get(tick["symbol"], 0)
        if self.exact and before and tick["seq"] > before + 1:
            self.gaps += 1
            self._blame(f"{tick['symbol']}: seq {tick['seq']} after {before}, where every tick was asked for")
        self._price(tick, least=before + 1)

    def _price(self, price: dict[str, Any], least: int) -> None:
        symbol, seq = price["symbol"], price["seq"]
        self.prices += 1
        if symbol not in self.held:
            self._blame(f"{symbol} came unasked")
        if seq < least:
            self._blame(f"{symbol}: seq {seq} after {self.seqs[symbol]}")
        self.seqs[symbol] = seq

    def _blame(self, fault: str) -> None:
        if len(self.wrong) < MOST_NAMED:
            self.wrong.append(fault)
