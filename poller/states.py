"""The state of each symbol: from its listing, whether its updates arrive, and whether they can be used."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

from market.prices.instruments import Instrument
from market.wire.status import MAX_CHANGES, MAX_REASON, Changes, States, SymbolState, SymbolStatus
from poller.quality import QualityProblem

_STATE_OF: Final[Mapping[str, SymbolState]] = {"halted": "halted", "delisted": "delisted", "unknown": "unknown"}


class SymbolStates:
    """The state of each symbol, and the state that was published.

    A symbol that is not traded has the state of its listing. A traded symbol is stale while the source does not
    cover it, or while no usable quote of it arrives. While the whole feed is down, the status of the feed holds for
    every symbol, and no symbol is reported stale: one outage is one message.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch."""
        self._now_us = now_us
        self._instruments: dict[str, Instrument] = {}
        self._uncovered: dict[str, QualityProblem] = {}
        self._unusable: Mapping[str, QualityProblem] = {}
        self._notes: dict[str, str] = {}
        self._traded = 0
        """The number of traded symbols."""
        self._published: dict[str, SymbolStatus] = {}
        self._changed_at: dict[str, int] = {}
        """Symbol → the version of its last change, while the bus does not have that change."""
        self._unsettled: set[str] = set()
        self.version = now_us()
        """Grows with every change; two pollers never use the same one."""
        self._whole_from = self.version
        """No symbol was removed since this version, so later changes are complete."""

    @property
    def known(self) -> bool:
        """Whether any listing is known: until then there is nothing to publish."""
        return bool(self._instruments)

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """Take the new listing of ``symbol``."""
        self._instruments[symbol] = instrument
        self._count_traded()
        self._unsettled.add(symbol)

    def forget(self, symbol: str) -> None:
        """``symbol`` is not served any more."""
        if self._instruments.pop(symbol, None) is not None:
            self._published.pop(symbol, None)
            self._changed_at.pop(symbol, None)
            self._uncovered.pop(symbol, None)
            self._notes.pop(symbol, None)
            self._count_traded()
            self._grow()
            self._whole_from = self.version

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        """Prices of ``symbol`` have not arrived for ``for_s`` seconds, because of ``reason``.

        The first reason stays: another one for the same outage is no news.
        """
        if symbol not in self._uncovered:
            self._uncovered[symbol] = QualityProblem(reason, self._now_us() - int(for_s * 1e6))
            self._unsettled.add(symbol)

    def covered(self, symbol: str, note: str = "") -> None:
        """Prices of ``symbol`` arrive; ``note`` says what is unusual about it."""
        if self._uncovered.pop(symbol, None) is not None or self._notes.get(symbol, "") != note:
            self._notes[symbol] = note
            self._unsettled.add(symbol)

    def settle(self, unusable: Mapping[str, QualityProblem], *, up: bool) -> None:
        """Bring the published states up to date; ``up`` is whether the whole feed is up, apart from `problem`.

        Cheap while nothing changes.
        """
        if unusable or self._unusable:
            self._unsettled.update(unusable, self._unusable)
            self._unusable = unusable
        if not self._unsettled:
            return
        up = up and self.problem is None
        held = set()
        changed = []
        for symbol in self._unsettled:
            instrument = self._instruments.get(symbol)
            if instrument is None:
                continue
            state, reason, since_us = self._state(symbol, instrument)
            published = self._published.get(symbol)
            if published is not None and (published.state, published.reason) == (state, reason):
                continue
            if state == "stale" and not up:
                held.add(symbol)
                if published is not None:
                    continue
                # A new symbol: it is live like the others, once the feed is.
                state, reason, since_us = "live", "", self._now_us()
            elif published is not None and published.state == state:
                since_us = published.since_us
            self._published[symbol] = SymbolStatus(
                symbol=symbol, state=state, reason=reason[:MAX_REASON], since_us=since_us
            )
            changed.append(symbol)
        self._unsettled = held
        if changed:
            self._grow()
            self._changed_at.update(dict.fromkeys(changed, self.version))

    def _state(self, symbol: str, instrument: Instrument) -> tuple[SymbolState, str, int]:
        if instrument.status != "trading":
            return _STATE_OF[instrument.status], instrument.reason, self._now_us()
        # The fault of the quotes explains more than that they are not covered.
        problem = self._unusable.get(symbol) or self._uncovered.get(symbol)
        if problem is not None:
            return "stale", problem.reason, problem.since_us
        return "live", self._notes.get(symbol, ""), self._now_us()

    def _grow(self) -> None:
        self.version = max(self.version + 1, self._now_us())

    def _count_traded(self) -> None:
        self._traded = sum(its.status == "trading" for its in self._instruments.values())

    @property
    def problem(self) -> QualityProblem | None:
        """Why none of several traded symbols has a usable price; None while one has."""
        if self._traded < 2 or len(self._uncovered) + len(self._unusable) < self._traded:
            return None
        traded = [symbol for symbol, its in self._instruments.items() if its.status == "trading"]
        problems = [self._unusable.get(symbol) or self._uncovered.get(symbol) for symbol in traded]
        found = [its for its in problems if its is not None]
        return min(found, key=lambda its: its.since_us) if len(found) == len(traded) else None

    def counts(self) -> dict[str, int]:
        """The number of symbols published in each state."""
        counts = dict.fromkeys(("live", "stale", "halted", "delisted", "unknown"), 0)
        for published in self._published.values():
            counts[published.state] += 1
        return counts

    def first(self, most: int) -> dict[str, SymbolState]:
        """Symbol → its published state, of at most so many."""
        return {
            one: its.state for one in islice(self._instruments, most) if (its := self._published.get(one)) is not None
        }

    def whole(self) -> States:
        """The published state of every symbol."""
        plain = [symbol for symbol, its in self._published.items() if its.state == "live" and not its.reason]
        others = [its for its in self._published.values() if its.state != "live" or its.reason]
        return States(version=self.version, live=plain, others=others)

    def changes(self, since: int | None) -> Changes:
        """The changes since version ``since``, the last one on the bus; None if the bus has none."""
        if since is None or since < self._whole_from or len(self._changed_at) > MAX_CHANGES:
            return Changes(version=self.version, since=self.version)
        changed: Iterable[str] = (symbol for symbol, version in self._changed_at.items() if version > since)
        return Changes(version=self.version, since=since, symbols=[self._published[symbol] for symbol in changed])

    def taken(self, version: int) -> None:
        """The bus has the states up to ``version``."""
        self._changed_at = {symbol: its for symbol, its in self._changed_at.items() if its > version}
