"""Clients that stay throughout and look at every price."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tests.soak.endpoints import Bearer, Endpoint
from tests.soak.ledger import Ledger
from tests.soak.line import EndedError, Handshake, Line, Message, RefusedError

_RETRY_S = 0.2
_FOR_EVER_S = 30 * 86_400.0


class Profile(Struct, frozen=True):
    """What a steady client asks for."""

    symbols: int = 0
    """The first so many; 0 for all."""
    binary: bool = False
    deflate: bool = False
    options: Mapping[str, Any] = {}


PROFILES = (
    Profile(),
    Profile(options={"conflate": False}),
    Profile(symbols=12, deflate=True, options={"batch": True}),
    Profile(symbols=8, binary=True, options={"batch": True}),
    Profile(symbols=16, options={"max_hz": 5}),
)
"""One client of each at every gateway."""


class Steady:
    """One client of one gateway, which comes back whenever it is thrown out."""

    def __init__(self, endpoint: Endpoint, profile: Profile, symbols: Sequence[str], bearer: Bearer) -> None:
        self.endpoint = endpoint
        self._profile = profile
        self._bearer = bearer
        self.symbols = symbols[: profile.symbols] if profile.symbols else symbols
        self.ledger = Ledger()
        self.ledger.asked.update(self.symbols)
        self.live = False
        self.excused = False
        """Whether its gateway is being ended, so that connections may break."""
        self.losses: list[str] = []
        """How connections ended that should not have."""
        self._line: Line | None = None

    @property
    def every_tick(self) -> bool:
        """Whether it asks for each tick."""
        return self._profile.options.get("conflate") is False

    def lacks(self, newest: Mapping[str, int]) -> list[str]:
        """The symbols of which it does not hold this ``seq`` yet, or a later one."""
        seqs = self.ledger.seqs
        return [symbol for symbol in self.symbols if seqs.get(symbol, 0) < newest.get(symbol, 0)]

    async def run(self) -> None:
        """Stay until cancelled."""
        try:
            while True:
                end = await self._stay()
                self.live = False
                if not self.excused:
                    self.losses.append(end)
                await asyncio.sleep(_RETRY_S)
        finally:
            if self._line is not None:
                self._line.drop()

    async def _stay(self) -> str:
        token = self._bearer.good(_FOR_EVER_S) if self.endpoint.locked else None
        handshake = Handshake(token=token, binary=self._profile.binary, deflate=self._profile.deflate)
        self.ledger.reconnected()
        try:
            self._line = line = await Line(self.endpoint, handshake, self._received).open()
            line.say({"type": "subscribe", "symbols": list(self.symbols), **self._profile.options})
            while True:
                await line.hear(3600)
        except RefusedError as refusal:
            return str(refusal)
        except EndedError as end:
            return f"{end} {line.violation}"
        except OSError as error:
            return f"{type(error).__name__}: {error}"

    def _received(self, message: Message) -> None:
        if message["type"] == "status":
            self.live = message["feed"] == "live"
        self.ledger.hear(message)
