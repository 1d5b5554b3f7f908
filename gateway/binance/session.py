"""One client's streams, without I/O: a command in; an answer and a subscription out."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from gateway.auth.grant import Grant
from gateway.binance import commands
from gateway.binance.commands import Command, Id, Refused, invalid
from gateway.binance.encoding import StreamEncoding
from gateway.binance.names import Stream, StreamNames
from gateway.client.names import full_names
from gateway.client.option_sets import Wants, stepped
from gateway.fanout.cohorts.member import Subscription

MOST_STREAMS: Final = 1024
"""Of one connection."""

_NAMED_AT_MOST: Final = 3


class Outcome(Struct, gc=False):
    """The effects of one message, in the order of the fields."""

    wants: Wants | None = None
    """What the client holds from now on; None if nothing changes."""
    answer: bytes = b""
    snapshots: Sequence[str] = ()
    """Symbols whose newest quotes are to be sent."""
    is_wrong: bool = False
    """Whether the message was refused."""


class StreamSession:
    """What one client has asked for so far."""

    __slots__ = ("_allowed", "_encodings", "_grant", "_held", "_max_symbols", "_names", "combined", "micro", "symbols")

    def __init__(
        self,
        names: StreamNames,
        grant: Grant,
        encodings: Callable[[bool, bool], StreamEncoding],
        *,
        combined: bool,
        micro: bool,
        max_symbols: int = 0,
    ) -> None:
        """``encodings`` gives the encoding for ``combined`` and ``micro``; ``max_symbols`` of 0 is no limit."""
        self._encodings = encodings
        self._max_symbols = max_symbols
        self._held: dict[str, Stream] = {}
        self.symbols: frozenset[str] = frozenset()
        """The symbols of its streams."""
        self._grant = grant
        self.combined = combined
        self.micro = micro
        self.serve(names)

    def serve(self, names: StreamNames) -> bool:
        """Take these ``names`` from now on. Returns whether streams are held that are none any more."""
        self._names = names
        self._allowed = full_names(self._grant, names.symbols).symbols
        return any(isinstance(names.find(name), str) for name in self._held)

    @property
    def encoding(self) -> StreamEncoding:
        """How its messages are written."""
        return self._encodings(self.combined, self.micro)

    def obey(self, command: Command | Refused) -> Outcome:
        """The outcome of a message."""
        if isinstance(command, Refused):
            return Outcome(answer=commands.error(command), is_wrong=True)
        match command.method:
            case "SUBSCRIBE":
                return self._subscribe(command.names, command.id)
            case "UNSUBSCRIBE":
                gone = frozenset(command.names)
                self._hold({name: stream for name, stream in self._held.items() if name not in gone})
                return Outcome(self.wants, commands.answer(None, command.id))
            case "LIST_SUBSCRIPTIONS":
                return Outcome(answer=commands.answer(list(self._held), command.id))
            case "SET_PROPERTY":
                self.combined = command.value
                return Outcome(self.wants, commands.answer(None, command.id))
            case _:
                return Outcome(answer=commands.answer(self.combined, command.id))

    def _subscribe(self, names: Sequence[str], command_id: Id) -> Outcome:
        new, problem = self.add(names)
        if problem:
            return Outcome(answer=commands.error(invalid(problem, command_id)), is_wrong=True)
        return Outcome(self.wants, commands.answer(None, command_id), new)

    def add(self, names: Sequence[str]) -> tuple[Sequence[str], str]:
        """Hold the streams of these ``names`` too: all of them, or none if something is wrong.

        Returns the symbols whose quotes it did not have before, and what is wrong, in words.
        """
        streams, problems = [], []
        for name in names:
            if name in self._held:
                continue
            stream = self._names.find(name)
            if isinstance(stream, str):
                problems.append(stream)
            elif not self._allows(stream):
                problems.append(f"the token does not allow {name}")
            else:
                streams.append(stream)
        if problems:
            more = f"; and {len(problems) - _NAMED_AT_MOST} more" if problems[_NAMED_AT_MOST:] else ""
            return (), "; ".join(problems[:_NAMED_AT_MOST]) + more
        before = self.symbols
        held = self._held | {stream.name: stream for stream in streams}
        if len(held) > MOST_STREAMS:
            return (), f"{len(held)} streams are more than the {MOST_STREAMS} of one connection"
        most = self._most_symbols
        if most and len({stream.symbol for stream in held.values()}) > most:
            return (), f"these streams are of more than {most} symbols, which one connection may hold"
        self._hold(held)
        return list(dict.fromkeys(stream.symbol for stream in streams if stream.symbol not in before)), ""

    def _hold(self, held: dict[str, Stream]) -> None:
        self._held = held
        self.symbols = frozenset(stream.symbol for stream in held.values())

    def _allows(self, stream: Stream) -> bool:
        return self._allowed is None or stream.symbol in self._allowed

    @property
    def _most_symbols(self) -> int:
        limits = [limit for limit in (self._max_symbols, self._grant.max_symbols) if limit]
        return min(limits, default=0)

    @property
    def wants(self) -> Wants:
        """What it holds, for the hub."""
        if not self.symbols:
            return ()
        max_hz = None if self._grant.max_hz is None else stepped(self._grant.max_hz)
        return (Subscription(self.symbols, self.encoding, max_hz=max_hz),)
