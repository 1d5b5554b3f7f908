"""The states of one venue's symbols here: what the poller reports, and which changes go to clients.

No I/O. A heartbeat carries the newest changes, and the bus's store has the full set. A full set counts only when a
heartbeat has confirmed its version: a poller of an older version may lead now, and an earlier one's states are worth
nothing then.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, get_args

from msgspec import UNSET, UnsetType

from gateway.log_events import STATES_CHANGED
from gateway.metrics.counters import Counters
from gateway.protocol import messages
from gateway.protocol.forms import FramedStatus
from market.prices.symbols import Symbols
from market.wire.status import Changes, States, SymbolState, SymbolStatus

NOT_SERVED: Final = "no poller serves it"
UNREADABLE: Final = "ticks come that this gateway cannot read"
NOT_REPORTED: Final = "the poller does not report the states of symbols"

_NAMED_AT_MOST: Final = 5

logger = logging.getLogger(__name__)


class SymbolStates:
    """The states of this gateway's symbols, as last reported."""

    def __init__(
        self,
        symbols: Symbols,
        states: dict[str, FramedStatus],
        publish: Callable[[Sequence[FramedStatus]], None],
        counters: Counters,
        *,
        now_us: Callable[[], int],
    ) -> None:
        """``states`` is kept up to date: the newest state of every symbol that has ever been other than live.

        Changes of it then go to ``publish``. ``now_us`` is the time in microseconds since the Unix epoch.
        """
        self._symbols = symbols
        self._states = states
        self._publish = publish
        self._counters = counters
        self._now_us = now_us
        self._reported: dict[str, SymbolStatus] = {}
        """The poller's last report of each symbol."""
        self._unreadable: dict[str, int] = {}
        """Symbols whose ticks cannot be read here, and since when."""
        self._stored: States | None = None
        self._newest: int | None = None
        self.version: int | None = None
        """The version of the states held; None if the poller reports none, or none were read yet."""

    @property
    def outdated(self) -> bool:
        """Whether a heartbeat named a version that is not held, so that the full set must be read."""
        return self._newest is not None and self._newest != self.version

    def serve(self, symbols: Symbols) -> None:
        """Hold the states of these symbols and of no others. Those of new ones come with the full set."""
        for symbol in self._symbols:
            if symbol not in symbols:
                # Its clients are notified by the code that unsubscribes them (`gateway.reload`).
                self._states.pop(symbol, None)
                self._reported.pop(symbol, None)
                self._unreadable.pop(symbol, None)
        self._symbols = symbols
        self.version = None

    def state_of(self, symbol: str) -> SymbolState:
        """The state of ``symbol``; live until another was reported."""
        status = self._states.get(symbol)
        return status.message.state if status is not None else "live"

    def counts(self) -> dict[str, int]:
        """The number of symbols in each state; all 0 while no states are held."""
        counts: Counter[str] = Counter(dict.fromkeys(get_args(SymbolState), 0))
        if self.version is not None:
            counts.update(map(self.state_of, self._symbols))
        return counts

    def unreadable(self, symbols: Collection[str]) -> None:
        """The ticks of exactly these symbols cannot be read here: they are stale if the poller says live."""
        before = self._unreadable
        if before.keys() == set(symbols):
            return
        now_us = self._now_us()
        self._unreadable = {symbol: before.get(symbol, now_us) for symbol in symbols}
        live = [SymbolStatus(symbol=symbol, state="live", since_us=now_us) for symbol in before.keys() ^ set(symbols)]
        self._report([self._reported.get(status.symbol, status) for status in live])

    def heartbeat_received(self, changes: Changes | UnsetType) -> None:
        """Take the ``changes`` of a heartbeat."""
        stored, self._stored = self._stored, None
        if changes is UNSET:
            self._forget()
            return
        self._newest = changes.version
        if stored is not None and changes.version != self.version and changes.since != self.version:
            if stored.version not in (changes.version, changes.since):
                return
            self._take(stored)
        if changes.since == self.version and changes.version != self.version:
            self.version = changes.version
            self._report(changes.symbols)

    def read(self, states: States) -> None:
        """Take the full set, as read from the store."""
        if self.outdated:
            self._take(states)
        else:
            self._stored = states

    def _take(self, states: States) -> None:
        self.version = states.version
        now_us = self._now_us()
        # Only our symbols, each once: anybody may have written any number of names.
        others = {status.symbol: status for status in states.others if status.symbol in self._symbols}
        live = dict.fromkeys(symbol for symbol in states.live if symbol in self._symbols)
        statuses = [SymbolStatus(symbol=symbol, state="live", since_us=now_us) for symbol in live]
        statuses += others.values()
        for symbol in self._symbols:
            if symbol not in live and symbol not in others:
                statuses.append(SymbolStatus(symbol=symbol, state="unknown", reason=NOT_SERVED, since_us=now_us))
        self._report(statuses)

    def _forget(self) -> None:
        """The poller that leads now reports no states: no earlier report holds any more."""
        self.version = self._newest = None
        now_us = self._now_us()
        self._report(
            SymbolStatus(symbol=symbol, state="live", reason=NOT_REPORTED, since_us=now_us)
            for symbol, status in self._states.items()
            if status.message.state != "live"
        )

    def _report(self, statuses: Iterable[SymbolStatus]) -> None:
        reported = {status.symbol: status for status in statuses if status.symbol in self._symbols}
        self._reported.update(reported)
        newest = {symbol: self._with_our_own(status) for symbol, status in reported.items()}
        changed = [_framed(one) for one in newest.values() if self._is_news(one)]
        if not changed:
            return
        self._states.update((one.message.symbol, one) for one in changed)
        self._counters.state_changes.update(one.message.state for one in changed)
        named = ", ".join(
            f"{one.message.symbol} {one.message.state} ({one.message.reason})" for one in changed[:_NAMED_AT_MOST]
        )
        more = f" and {len(changed) - _NAMED_AT_MOST} more" if len(changed) > _NAMED_AT_MOST else ""
        logger.info(STATES_CHANGED, named, more)
        self._publish(changed)

    def _with_our_own(self, status: SymbolStatus) -> SymbolStatus:
        """The state here of a symbol of which the poller reported ``status``."""
        if status.state != "live" or status.symbol not in self._unreadable:
            return status
        since_us = self._unreadable[status.symbol]
        return SymbolStatus(symbol=status.symbol, state="stale", reason=UNREADABLE, since_us=since_us)

    def _is_news(self, status: SymbolStatus) -> bool:
        published = self._states.get(status.symbol)
        if published is None:
            return status.state != "live" or status.reason != ""
        held = published.message
        if (status.state, status.reason) != (held.state, held.reason):
            return True
        # The time since a price is live means nothing, and the time since a symbol is missing is unknown.
        return status.state != "live" and status.reason != NOT_SERVED and status.since_us != held.since_us


def _framed(status: SymbolStatus) -> FramedStatus:
    return FramedStatus(
        messages.SymbolStatus(symbol=status.symbol, state=status.state, reason=status.reason, since_us=status.since_us)
    )
