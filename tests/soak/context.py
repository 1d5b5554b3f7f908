"""What clients share: where they may go, what they might say, and the many ways to leave."""

import asyncio
import random
from collections import Counter
from typing import Any, Final

from tests.client_frames import FIN, TEXT, client_frame
from tests.soak.endpoints import Bearer, Endpoint
from tests.soak.ledger import Ledger
from tests.soak.line import PATIENCE_S, Handshake, Line

CUT_OFF_WITHIN_S: Final = 20.0
"""Who never reads, or never finishes a handshake, must be gone by then: several times what the stage's settings say."""

_HALF_FRAME: Final = client_frame(FIN | TEXT, b'{"type":"list"}')[:-5]
_HALF_MESSAGE: Final = client_frame(TEXT, b'{"type":"li')

_HONEST: Final = {f"refused {status}" for status in (404, 502, 503)} | {f"closed {code}" for code in (1006, 1012, 4408)}
"""How it may end for one that does nothing wrong while gateways stop, die and freeze."""


class Context:
    """What all clients of one process share."""

    def __init__(self, endpoints: list[Endpoint], symbols: list[str], bearer: Bearer, rng: random.Random) -> None:
        self.endpoints = endpoints
        self.symbols = symbols
        self.bearer = bearer
        self.rng = rng
        self.ends: Counter[str] = Counter()
        """Kind and end → how many."""
        self.wrong: list[str] = []

    def blame(self, fault: str) -> None:
        """A gateway has done something wrong."""
        self.wrong.append(fault)

    def judge(self, end: str) -> str:
        """Return how it ended for one that did nothing wrong, and blame the gateway where it should not have."""
        if end not in _HONEST:
            self.blame(f"a client that did nothing wrong was {end}")
        return end

    def endpoint(self, *, locked: bool | None = None) -> Endpoint:
        """Any endpoint, or any of those that are ``locked`` or not."""
        return self.rng.choice([endpoint for endpoint in self.endpoints if locked in (None, endpoint.locked)])

    @property
    def has_locked_endpoints(self) -> bool:
        """Whether tokens are of any use."""
        return any(endpoint.locked for endpoint in self.endpoints)

    def likes(self, share: float) -> bool:
        """True with this probability."""
        return self.rng.random() < share

    async def enter(self, ledger: Ledger, *, receive_buffer: int = 0) -> Line:
        """Come in at any endpoint, in any encoding, with whatever it takes."""
        endpoint = self.endpoint()
        by_message = endpoint.locked and self.likes(0.5)
        token = self.bearer.good() if endpoint.locked else None
        handshake = Handshake(
            token=None if by_message else token,
            binary=self.likes(0.3),
            deflate=self.likes(0.4),
            receive_buffer=receive_buffer,
        )
        line = await Line(endpoint, handshake, ledger.hear).open()
        if by_message:
            line.say({"type": "auth", "token": token})
        return line

    def subscribe(self, ledger: Ledger, *, everything: bool = False) -> dict[str, Any]:
        """A subscription to something, with any options."""
        rng = self.rng
        symbols = rng.sample(self.symbols, rng.randint(1, min(8, len(self.symbols))))
        everything = everything or self.likes(0.1)
        ledger.asked.update(self.symbols if everything else symbols)
        message: dict[str, Any] = {"type": "subscribe", "symbols": ["*"] if everything else symbols}
        options = {
            "batch": rng.choice([True, False]),
            "max_hz": rng.choice([None, 0.5, 1, 5, 20]),
            "conflate": self.likes(0.8),
            "snapshot": rng.choice([True, False]),
            "id": rng.randrange(1_000_000),
        }
        return message | {name: value for name, value in options.items() if self.likes(0.4)}

    def whim(self, ledger: Ledger) -> dict[str, Any]:
        """Anything that one who is in might say."""
        dropped = self.rng.choice([["*"], self.rng.sample(self.symbols, 2)])
        return self.rng.choice(
            [
                self.subscribe(ledger),
                self.subscribe(ledger),
                {"type": "unsubscribe", "symbols": dropped},
                {"type": "list"},
                {"type": "ping", "id": "?"},
            ]
        )

    async def part(self, line: Line) -> str:
        """Leave in one of many ways, some of them in the middle of a word."""
        try:
            return await self._part(line)
        except TimeoutError:
            self.blame(f"a connection went on {PATIENCE_S:g} s after its client had ended it")
            return "was not let go"

    async def _part(self, line: Line) -> str:
        match self.rng.randrange(7):
            case 0 | 1:
                await line.leave()
                return "said good-bye"
            case 2:
                await line.half_close()
                return "half closed"
            case 3:
                line.throw(_HALF_FRAME)
                await line.half_close()
                return "left within a frame"
            case 4:
                line.throw(_HALF_MESSAGE)
                line.drop(reset=True)
                return "reset within a message"
            case 5:
                line.drop(reset=True)
                return "reset"
            case _:
                line.drop()
                return "hung up"


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, in whatever way."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""
