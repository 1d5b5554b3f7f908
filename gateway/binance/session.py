"""One client's streams, without I/O: a command in; an answer and a subscription out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from gateway.auth.grant import Grant
from gateway.binance import commands
from gateway.binance.commands import Command, Id, Refused, invalid
from gateway.binance.encoding import Encodings, StreamEncoding, Writing
from gateway.binance.names import BOOK, DAY, MINI, OF_ALL, Stream, StreamNames, is_of_all
from gateway.client.names import full_names
from gateway.client.option_sets import Wants, stepped
from gateway.fanout.cohorts.member import Subscription
from gateway.protocol.channels import STATS, topic_of

MOST_STREAMS: Final = 1024
"""Of one connection."""

_NAMED_AT_MOST: Final = 3

_OF_FIGURES: Final = (MINI, DAY, *OF_ALL)
"""The kinds of streams with figures of 24 hours, in the order in which their messages are sent."""

_PER_S: Final = 1.0
"""Of streams of all symbols: one message a second has all that has changed."""


class Outcome(Struct, gc=False):
    """The effects of one message, in the order of the fields."""

    wants: Wants | None = None
    """What the client holds from now on; None if nothing changes."""
    answer: bytes = b""
    snapshots: Sequence[str] = ()
    """Topics whose newest updates are to be sent."""
    is_wrong: bool = False
    """Whether the message was refused."""


class StreamSession:
    """What one client has asked for so far."""

    __slots__ = (
        "_allowed", "_deflate", "_encodings", "_grant", "_held", "_max_symbols", "_names", "writing",
    )  # fmt: skip

    def __init__(
        self,
        names: StreamNames,
        grant: Grant,
        encodings: Encodings,
        writing: Writing,
        *,
        deflate: bool = False,
        max_symbols: int = 0,
    ) -> None:
        """``deflate`` says whether the client can read compressed messages; ``max_symbols`` of 0 is no limit."""
        self._encodings = encodings
        self._grant = grant
        self._deflate = deflate
        self._max_symbols = max_symbols
        self._held: dict[str, Stream] = {}
        self.writing = writing
        """How its messages are written."""
        self.serve(names)

    def serve(self, names: StreamNames) -> bool:
        """Take these ``names`` from now on. Returns whether streams are held that are none any more."""
        self._names = names
        granted = full_names(self._grant, names.symbols)
        self._allowed = frozenset(granted.allowed(names.served))
        return any(isinstance(names.find(name), str) for name in self._held)

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols that it named, and an empty name if it holds a stream of all."""
        return frozenset(stream.symbol for stream in self._held.values())

    @property
    def encoding(self) -> StreamEncoding:
        """How the gateway's own messages are written."""
        return self._encodings.quotes(self.writing)

    def obey(self, command: Command | Refused) -> Outcome:
        """The outcome of a message."""
        if isinstance(command, Refused):
            return Outcome(answer=commands.error(command), is_wrong=True)
        match command.method:
            case "SUBSCRIBE":
                return self._subscribe(command.names, command.id)
            case "UNSUBSCRIBE":
                gone = frozenset(command.names)
                self._held = {name: stream for name, stream in self._held.items() if name not in gone}
                return Outcome(self.wants, commands.answer(None, command.id))
            case "LIST_SUBSCRIPTIONS":
                return Outcome(answer=commands.answer(list(self._held), command.id))
            case "SET_PROPERTY":
                self.writing = Writing(command.value, self.writing.micro)
                return Outcome(self.wants, commands.answer(None, command.id))
            case _:
                return Outcome(answer=commands.answer(self.writing.combined, command.id))

    def _subscribe(self, names: Sequence[str], command_id: Id) -> Outcome:
        new, problem = self.add(names)
        if problem:
            return Outcome(answer=commands.error(invalid(problem, command_id)), is_wrong=True)
        return Outcome(self.wants, commands.answer(None, command_id), new)

    def add(self, names: Sequence[str]) -> tuple[Sequence[str], str]:
        """Hold the streams of these ``names`` too: all of them, or none if something is wrong.

        Returns the topics that it did not hold before in this way, and what is wrong, in words.
        """
        streams, problems = [], []
        for name in dict.fromkeys(names):
            if name in self._held:
                continue
            stream = self._names.find(name)
            if isinstance(stream, str):
                problems.append(stream)
            elif stream.symbol and stream.symbol not in self._allowed:
                problems.append(f"the token does not allow {name}")
            else:
                streams.append(stream)
        if problems:
            more = f"; and {len(problems) - _NAMED_AT_MOST} more" if problems[_NAMED_AT_MOST:] else ""
            return (), "; ".join(problems[:_NAMED_AT_MOST]) + more
        held = self._held | {stream.name: stream for stream in streams}
        if len(held) > MOST_STREAMS:
            return (), f"{len(held)} streams are more than the {MOST_STREAMS} of one connection"
        most, count = self._most_symbols, len(self._symbols_of(held.values()))
        if most and count > most:
            return (), f"these streams are of {count} symbols, and one connection may hold {most}"
        before = self._kinds_of_topics()
        self._held = held
        return [topic for topic, kinds in self._kinds_of_topics().items() if kinds != before.get(topic)], ""

    def _symbols_of(self, streams: Collection[Stream]) -> frozenset[str]:
        if any(not stream.symbol for stream in streams):
            return self._allowed
        return frozenset(stream.symbol for stream in streams)

    @property
    def _most_symbols(self) -> int:
        return min((limit for limit in (self._max_symbols, self._grant.max_symbols) if limit), default=0)

    def _kinds_of_topics(self) -> Mapping[str, Sequence[str]]:
        """Each topic that it holds, with the kinds of its streams."""
        streams = self._held.values()
        of_all = [stream.kind for stream in streams if not stream.symbol]
        kinds: dict[str, set[str]] = {}
        for stream in streams:
            if stream.kind == BOOK:
                kinds[stream.symbol] = {BOOK}
            elif stream.symbol:
                kinds.setdefault(topic_of(STATS, stream.symbol), set(of_all)).add(stream.kind)
        if of_all:
            for symbol in self._allowed:
                kinds.setdefault(topic_of(STATS, symbol), set(of_all))
        return {topic: (BOOK,) if BOOK in its else _ordered(its) for topic, its in kinds.items()}

    @property
    def wants(self) -> Wants:
        """What it holds, for the hub: the topics whose updates it gets in the same forms go together."""
        topics: dict[Sequence[str], list[str]] = {}
        for topic, kinds in self._kinds_of_topics().items():
            topics.setdefault(kinds, []).append(topic)
        return tuple(self._subscription(kinds, frozenset(its)) for kinds, its in topics.items())

    def _subscription(self, kinds: Sequence[str], topics: frozenset[str]) -> Subscription:
        granted = self._grant.max_hz
        max_hz = None if granted is None else stepped(granted)
        if kinds == (BOOK,):
            return Subscription(topics, self._encodings.quotes(self.writing), max_hz=max_hz)
        encoding = self._encodings.stats(self.writing, kinds)
        if not any(map(is_of_all, kinds)):
            return Subscription(topics, encoding, max_hz=max_hz)
        rate = _PER_S if max_hz is None else min(_PER_S, max_hz)
        return Subscription(topics, encoding, batch=True, deflate=self._deflate, max_hz=rate)


def _ordered(kinds: Collection[str]) -> Sequence[str]:
    return tuple(kind for kind in _OF_FIGURES if kind in kinds)
