"""A bot that trades on paper: buys below a moving average, sells above it, and acts on current prices only.

    python examples/bot/bot.py ws://127.0.0.1:8080/ws BTC

It shows what a bot needs of tickgate: exact decimals, the state of a symbol, and the age of a price. Its idea of
trading is worth nothing.
"""

import argparse
import asyncio
import os
from collections import deque
from decimal import Decimal

from tickgate_client import Disconnected, State, Stream, Tick, TickgateError, connect

OLDEST_S = 1.0
"""An older price is looked at by nobody, even if it is the current one."""
BASIS_POINT = Decimal("0.0001")


class Paper:
    """An account that exists on paper only: so much of the quote asset, and so much of the base asset."""

    def __init__(self, cash: Decimal) -> None:
        self.cash, self.held = cash, Decimal(0)

    def buy(self, price: Decimal, size: Decimal) -> bool:
        """Take the ask, if there is the money for it."""
        if self.cash < price * size:
            return False
        self.cash, self.held = self.cash - price * size, self.held + size
        return True

    def sell(self, price: Decimal, size: Decimal) -> bool:
        """Take the bid, if there is something to sell."""
        if self.held < size:
            return False
        self.cash, self.held = self.cash + price * size, self.held - size
        return True


class Bot:
    """One symbol, one idea."""

    def __init__(self, account: Paper, size: Decimal, window: int, threshold_bp: Decimal) -> None:
        self._account = account
        self._size = size
        self._mids: deque[Decimal] = deque(maxlen=window)
        self._threshold = threshold_bp * BASIS_POINT

    def look(self, tick: Tick) -> str:
        """Act on a price that is current; return what was done, in words."""
        bid, ask = tick.bid, tick.ask
        if bid is None or ask is None:
            return ""  # one side of the book is empty
        mid = (bid + ask) / 2
        self._mids.append(mid)
        if len(self._mids) < (self._mids.maxlen or 0):
            return ""
        distance = mid / (sum(self._mids, Decimal(0)) / len(self._mids)) - 1
        if distance < -self._threshold and self._account.buy(ask, self._size):
            return f"bought {self._size} at {ask}"
        if distance > self._threshold and self._account.sell(bid, self._size):
            return f"sold {self._size} at {bid}"
        return ""

    def forget(self) -> None:
        """Prices were missing: an average over a hole is none."""
        self._mids.clear()


async def run(stream: Stream, symbol: str, bot: Bot, account: Paper, trades: int) -> None:
    """Trade until there were so many trades."""
    (name,) = await stream.subscribe(symbol)
    done = 0
    async for event in stream.events():
        match event:
            case State(live=False, reason=reason):
                print(f"{name} is {event.state}: {reason}. Waiting.")
                bot.forget()
            case Disconnected(retry_in_s=retry_in_s):
                print(f"no connection; again in {retry_in_s:.1f} s")
            case Tick() if stream.states[name].live and stream.age_s(event) <= OLDEST_S:
                if told := bot.look(event):
                    done += 1
                    print(f"{told}: {account.cash} in cash, {account.held} held")
        if done == trades:
            return


async def main() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description="A bot that trades on paper.")
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8080/ws")
    parser.add_argument("symbol", nargs="?", default="BTC")
    parser.add_argument("--trades", type=int, default=-1, help="stop after so many; never, unless told")
    parser.add_argument("--window", type=int, default=50, help="prices in the average")
    parser.add_argument("--threshold", type=Decimal, default=Decimal("0.5"), help="in basis points from the average")
    options = parser.parse_args()
    account = Paper(cash=Decimal(100_000))
    bot = Bot(account, Decimal("0.01"), options.window, options.threshold)
    async with connect(options.url, token=os.environ.get("TICKGATE_TOKEN")) as stream:
        await run(stream, options.symbol, bot, account, options.trades)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    except TickgateError as error:
        raise SystemExit(f"bot: {error}") from None
