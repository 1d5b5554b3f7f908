"""What the caller wants, and the commands that ask a gateway for it: first, and on each later connection."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tickgate_client.protocol.wire import chunks, fitting

ALL: Final = "*"
TICKER: Final = "ticker"

RequestKind = Literal["subscribe", "unsubscribe", "symbols"]


@dataclass(frozen=True, slots=True)
class Options:
    """How symbols are wanted."""

    channel: str = TICKER
    max_hz: float | None = None
    conflate: bool = True

    @property
    def every(self) -> bool:
        """Whether every single tick is wanted."""
        return not self.conflate

    def command(self, names: Sequence[str], mark: str) -> dict[str, Any]:
        """The subscribe to ``names``."""
        message: dict[str, Any] = {"type": "subscribe", "symbols": list(names), "id": mark}
        if self.channel == TICKER:
            message["batch"] = True
        else:
            message["channel"] = self.channel
        if self.max_hz is not None:
            message["max_hz"] = self.max_hz
        if self.every:
            message["conflate"] = False
        return message


@dataclass(slots=True)
class Request:
    """A command of the caller's, until it is answered. It may take several messages."""

    number: int
    kind: RequestKind
    names: tuple[str, ...]
    options: Options
    unanswered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Mark → message."""
    held: list[str] = field(default_factory=list)
    """What the answers have named."""
    listed: list[dict[str, Any]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Code and words of each."""

    parts: dict[str, dict[str, Any]] = field(init=False)
    """All messages, answered or not."""

    def __post_init__(self) -> None:
        """Make the messages."""
        pieces = chunks(self.names) if self.names else ((),)
        marks = ((f"{self.number}.{part}", names) for part, names in enumerate(pieces))
        self.parts = {mark: self._message(names, mark) for mark, names in marks}
        self.unanswered = dict(self.parts)

    @property
    def end(self) -> str:
        """The mark of the ping behind the messages: its answer comes behind all of theirs."""
        return f"{self.number}.end"

    def renew(self) -> None:
        """Another connection: what an earlier one has answered holds no more."""
        self.unanswered = dict(self.parts)
        self.held, self.listed, self.errors = [], [], []

    def answered(self, mark: str, symbols: Iterable[str]) -> None:
        """The gateway has read the message with this mark."""
        self.unanswered.pop(mark, None)
        self.held += symbols

    def messages(self) -> Iterator[dict[str, Any]]:
        """What is to be sent: all that has no answer yet."""
        yield from self.unanswered.values()
        yield {"type": "ping", "id": self.end}

    def _message(self, names: Sequence[str], mark: str) -> dict[str, Any]:
        if self.kind == "subscribe":
            return self.options.command(names, mark)
        if self.kind == "symbols":
            return {"type": "symbols", "id": mark}
        message = {"type": "unsubscribe", "symbols": list(names), "id": mark}
        return message if self.options.channel == TICKER else message | {"channel": self.options.channel}


class Wanted:
    """All that is subscribed to, by full names, and ``*`` for everything else of a channel."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], Options] = {}
        """Channel and symbol → options."""

    def put(self, symbols: Iterable[str], options: Options) -> None:
        """These are held with these options, in place of others."""
        for symbol in symbols:
            self._of[options.channel, symbol] = options

    def everything(self, options: Options) -> None:
        """All symbols of a channel are held with these options, whatever was said of single ones before."""
        self.drop(options.channel, (ALL, *self.symbols(options.channel)))
        self._of[options.channel, ALL] = options

    def drop(self, channel: str, symbols: Iterable[str]) -> None:
        """These are no longer wanted."""
        for symbol in symbols:
            self._of.pop((channel, symbol), None)

    def symbols(self, channel: str = TICKER) -> list[str]:
        """What is wanted by name."""
        return [symbol for its, symbol in self._of if its == channel and symbol != ALL]

    def options_of(self, symbol: str, channel: str = TICKER) -> Options | None:
        """How a symbol is wanted; None if it is not."""
        return self._of.get((channel, symbol)) or self._of.get((channel, ALL))

    def commands(self, since: Callable[[Iterable[str]], dict[str, int]], held: Iterable[str]) -> Iterator["Resume"]:
        """What brings a new connection to where the last one was. ``held`` are the symbols that it held."""
        groups: dict[Options, list[str]] = {}
        for (_, symbol), options in self._of.items():
            groups.setdefault(options, []).append(symbol)
        held = list(held)
        # `*` first: what is said of single symbols replaces it.
        for options, names in sorted(groups.items(), key=lambda group: ALL not in group[1]):
            if ALL in names and options.every:
                # A position must belong to a symbol that is named.
                names += [one for one in held if (options.channel, one) not in self._of]
            first = [ALL] if ALL in names else []
            named = [name for name in names if name != ALL]
            # `*` holds them all at once, so all positions must come with it.
            parts = [fitting(named)] if first else chunks(named)
            for part in parts:
                yield Resume([*first, *part], options, since(part) if options.every else {})
                first = []


@dataclass(slots=True)
class Resume:
    """One subscribe of a new connection."""

    names: list[str]
    options: Options
    since: dict[str, int]
    answered: bool = False

    def message(self, mark: str) -> dict[str, Any]:
        """Write it."""
        message = self.options.command(self.names, mark)
        return message | {"since": self.since} if self.since else message
