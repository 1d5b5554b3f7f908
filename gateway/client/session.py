"""One client's session, without I/O: a message in; replies, a subscription and snapshots out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from gateway.admission.limits.buckets import Limits
from gateway.auth.grant import ANONYMOUS, Grant
from gateway.client.channels import held_by_channel, unsubscribed
from gateway.client.costs import of_command, of_unknown
from gateway.client.names import full_names, listed, permitted, resolve, resolve_since
from gateway.client.option_sets import MOST_SETS, TOO_MANY_SETS, Wants, capped, put, subscription_of, without
from gateway.client.suggestions import unknown_symbols
from gateway.fanout.slow.backlog import topics_of
from gateway.protocol.channels import TICKER, symbol_of, topic_of
from gateway.protocol.commands import Malformed
from gateway.protocol.encoding import Encoding
from gateway.protocol.error_codes import ErrorCode
from gateway.protocol.messages import (
    AnyCommand,
    Auth,
    Authenticated,
    Error,
    Id,
    List,
    ListSymbols,
    Message,
    Ping,
    Pong,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from gateway.websocket.close_codes import CloseReason
from market.prices.symbols import Symbols

_TOO_MUCH: Final = "too many messages a second, or too long ones; this one is ignored, wait a moment"


class Outcome(Struct, gc=False):
    """The effects of one message, in the order of the fields."""

    wants: Wants | None = None
    """What it wants from now on; None if nothing changes."""
    replies: list[Message] = []
    snapshots: Sequence[str] = ()
    """Topics whose last values are to be sent, with the states of those that are not live."""
    since: Mapping[str, int] = {}
    """Topics of which what was missed is to be sent, each with the seq of the last tick that the client has."""
    states: Sequence[str] = ()
    """Topics of which only the states are to be sent, if they are not live."""
    listing: tuple[Sequence[str], Id | UnsetType] | None = None
    """Symbols of which the client is to be told what is known (`gateway.client.listing`), and the answer's ``id``."""
    close: CloseReason | None = None
    auth: Auth | None = None
    """A token to be checked; then call `Session.authenticated` or `Session.refused`."""
    tokens: int = 0
    """What it has cost beyond `Session.cost`."""


class Session:
    """What one client has asked for so far."""

    __slots__ = (
        "_asked", "_deflate", "_encoding", "_errors", "_limits", "_now_us", "_shown", "_symbols", "grant", "wants",
    )  # fmt: skip

    def __init__(
        self,
        symbols: Symbols,
        limits: Limits,
        encoding: Encoding,
        *,
        now_us: Callable[[], int],
        deflate: bool = False,
        grant: Grant | None = ANONYMOUS,
    ) -> None:
        """``deflate`` says whether the client can read compressed batches. ``now_us`` is as in `Gateway`.

        ``grant`` is what it may do; None until it has shown a token.
        """
        self._symbols = symbols
        self._limits = limits
        self._encoding = encoding
        self._now_us = now_us
        self._deflate = deflate
        self._errors = 0
        self._shown = grant
        # The meaning of its names depends on the symbols, which may change.
        self.grant = grant and full_names(grant, symbols)
        self.wants: Wants = ()
        """What it holds now. May be replaced by an equal object that others share."""
        self._asked: Wants | None = None
        """What it asked for, if its token does not allow all of it: tokens change."""

    @property
    def held(self) -> frozenset[str]:
        """The topics that it holds. In channel ``ticker``, a symbol's topic is the symbol itself."""
        return topics_of(self.wants)

    def keep(self, wants: Wants) -> None:
        """``wants`` is equal to what it holds, and others share it."""
        self.wants = wants

    def receive(self, data: bytes) -> Outcome:
        """The outcome of a message in a frame of the encoding's type."""
        return self.obey(self.read(data))

    def read(self, data: bytes) -> AnyCommand | Malformed:
        """The command in a message, or what is wrong with it."""
        command: AnyCommand | Malformed = self._encoding.decode(data)
        return command

    def cost(self, command: AnyCommand | Malformed) -> int:
        """The cost to `obey` a command, in tokens beyond those of its message; see `gateway.client.costs`."""
        if isinstance(command, Malformed):
            return 0
        return of_command(command, len(self.held) if self.wants else 0, len(self._symbols.names))

    def obey(self, command: AnyCommand | Malformed) -> Outcome:
        """The outcome of a result of `read`."""
        if isinstance(command, Malformed):
            return self._error(command.code, command.message, command.id)
        if isinstance(command, Auth):
            return Outcome(auth=command)
        if self.grant is None:
            return self._error("unauthorised", "the first message must be auth, with a token", command.mark)
        match command:
            case Subscribe():
                return self._subscribe(command)
            case Unsubscribe():
                return self._unsubscribe(command)
            case List():
                return Outcome(replies=[held_by_channel(self._symbols, self.held, command.mark)])
            case ListSymbols():
                return Outcome(listing=(self.grant.allowed(self._symbols), command.mark))
            case Ping():
                return Outcome(replies=[Pong(server_us=self._now_us(), id=command.mark)])

    def serve(self, symbols: Symbols) -> bool:
        """Let the client subscribe to ``symbols`` and no others from now on.

        Returns whether it holds others; `give_up` says which.
        """
        self._symbols = symbols
        self.grant = self._shown and full_names(self._shown, symbols)
        return not symbols.includes(self.held)

    def give_up(self) -> frozenset[str]:
        """The topics that the client holds and whose symbols are no longer served."""
        return frozenset(topic for topic in self.held if symbol_of(topic) not in self._symbols)

    def drop(self, topics: frozenset[str]) -> Wants:
        """What it wants, without ``topics``."""
        return self._ask(without(self._asked_for, topics))

    def authenticated(self, grant: Grant, command_id: Id | UnsetType) -> Outcome:
        """The outcome of a valid token: what it does not allow is given up."""
        held = self.grant
        if held is not None and held.subject != grant.subject:
            refusal = Error(code="forbidden", message="the token is of another subject; connect with it", id=command_id)
            return Outcome(replies=[refusal], close=CloseReason.FORBIDDEN)
        self._shown = grant
        self.grant = grant = full_names(grant, self._symbols)
        replies: list[Message] = [Authenticated(subject=grant.subject, expires_us=grant.expires_us, id=command_id)]
        topics = self.held
        allowed = frozenset(grant.allowed(map(symbol_of, topics)))
        kept = frozenset(topic for topic in topics if symbol_of(topic) in allowed)
        if grant.max_symbols:
            kept = frozenset(sorted(kept)[: grant.max_symbols])
        replies += unsubscribed(topics - kept)
        wants = self.drop(topics - kept)
        return Outcome(wants if wants != self.wants else None, replies)

    def refused(self, problem: str, command_id: Id | UnsetType, *, revoked: bool = False) -> Outcome:
        """The outcome of an invalid token. An earlier token stays in force."""
        outcome = self._error("revoked" if revoked else "unauthorised", problem, command_id)
        if self.grant is None:
            outcome.close = CloseReason.REVOKED if revoked else CloseReason.UNAUTHORISED
        return outcome

    def rate_limited(self) -> Outcome:
        """The outcome of a message that came too fast, and was not read."""
        return Outcome(replies=[Error(code="rate_limited", message=_TOO_MUCH)])

    def receive_wrong_frame(self) -> Outcome:
        """The outcome of a binary message where text is due, or the other way round."""
        return self._error("wrong_frame", self._encoding.wrong_frame)

    def _subscribe(self, command: Subscribe) -> Outcome:
        assert self.grant is not None
        named, unknown = resolve(self._symbols, command.symbols)
        since: Mapping[str, int] = {}
        if command.since:
            since, problem = resolve_since(self._symbols, command, named)
            if problem:
                return self._error("bad_message", problem, command.mark)
        forbidden: list[str] = []
        if self.grant.symbols is not None:
            named, forbidden = permitted(self.grant, self._symbols, named, command.symbols)
        channel = command.channel or TICKER
        encoding = self._encoding.of(channel)
        if encoding is None:
            return self._error("bad_message", f"the channel {channel} cannot be sent here", command.mark)
        topics = named if channel == TICKER else [topic_of(channel, symbol) for symbol in named]
        held = self.held
        wanted = held.union(topics)
        limit = self._most_symbols(self.grant)
        if limit and len(wanted) > max(limit, len(held)):
            problem = f"{len(wanted)} symbols are more than the {limit} that one connection may hold"
            return self._error("too_many_symbols", problem, command.mark)
        if command.conflate is False and self.grant.max_hz is not None:
            every = f"every tick is more than the {self.grant.max_hz:g} Hz that the token allows"
            return self._error("forbidden", every, command.mark)
        asked = self._asked_for
        if named:
            asked = put(asked, subscription_of(command, frozenset(topics), encoding, deflate=self._deflate))
        if len(asked) > MOST_SETS:
            return self._error("too_many_options", TOO_MANY_SETS, command.mark)
        granted = Subscribed(symbols=named, channel=UNSET if channel == TICKER else channel, id=command.mark)
        outcome = Outcome(replies=[granted] if named else [])
        if unknown:
            self._unknown(unknown, command.mark, outcome)
        if forbidden and outcome.close is None:
            self._error("forbidden", listed("the token does not allow", forbidden), command.mark, outcome)
        if not named:
            if not outcome.replies:
                outcome.replies.append(granted)
            return outcome
        outcome.wants = self._ask(asked)
        if since:
            outcome.since = {symbol: since[symbol] for symbol in named if symbol in since}
            topics = [symbol for symbol in named if symbol not in since]
        if command.snapshot is not False:
            outcome.snapshots = topics
        else:
            outcome.states = topics
        return outcome

    def _most_symbols(self, grant: Grant) -> int:
        """0 is no limit."""
        here, granted = self._limits.max_symbols, grant.max_symbols
        return min(here, granted) if here and granted else here or granted or 0

    @property
    def _asked_for(self) -> Wants:
        return self.wants if self._asked is None else self._asked

    def _ask(self, asked: Wants) -> Wants:
        """Note that it has ``asked`` for this, and return what it gets: as much as its token allows."""
        max_hz = None if self.grant is None else self.grant.max_hz
        wants = asked if max_hz is None else capped(asked, max_hz)
        self._asked = None if wants is asked else asked
        return wants

    def _unsubscribe(self, command: Unsubscribe) -> Outcome:
        held, channel = self.held, command.channel or TICKER
        named, unknown = resolve(self._symbols, command.symbols)
        if unknown and not named:
            return self._unknown(unknown, command.mark, Outcome())
        if channel == TICKER:
            topics = names = [symbol for symbol in named if symbol in held]
        else:
            names = [symbol for symbol in named if topic_of(channel, symbol) in held]
            topics = [topic_of(channel, symbol) for symbol in names]
        dropped = Unsubscribed(symbols=names, channel=UNSET if channel == TICKER else channel, id=command.mark)
        outcome = Outcome(self.drop(frozenset(topics)), [dropped])
        if unknown:
            self._unknown(unknown, command.mark, outcome)
        return outcome

    def _unknown(self, names: list[str], command_id: Id | UnsetType, outcome: Outcome) -> Outcome:
        outcome.tokens += of_unknown(len(names))
        return self._error("unknown_symbol", unknown_symbols(self._symbols, names, self.grant), command_id, outcome)

    def _error(
        self, code: ErrorCode, message: str, command_id: Id | UnsetType = UNSET, outcome: Outcome | None = None
    ) -> Outcome:
        """``outcome``, or a new one, with one more error. The last one allowed ends the connection."""
        outcome = outcome or Outcome()
        self._errors += 1
        outcome.replies.append(Error(code=code, message=message, id=command_id))
        limit = self._limits.max_errors
        if limit and self._errors >= limit:
            last = f"{limit} messages of this connection were wrong"
            outcome.replies.append(Error(code="too_many_errors", message=last))
            outcome.close = CloseReason.TOO_MANY_ERRORS
        return outcome
