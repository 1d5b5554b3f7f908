"""The state of each symbol: from its listing, from whether updates arrive, and from whether they can be used."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from market.prices.instruments import Instrument
from market.wire.status import MAX_CHANGES, MAX_REASON, Changes, States, SymbolState, SymbolStatus
from poller.quality import QualityProblem

_STATE_OF: Final[Mapping[str, SymbolState]] = {"halted": "halted", "delisted": "delisted", "unknown": "unknown"}


class SymbolStates:
    """The state of each symbol, and what was published of it.

    A symbol that is not traded has the state of its listing. One that is traded is stale while the source does not
    cover it, or while no usable quote of it arrives. While the whole feed is down the status of the feed says so for
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
        """How many symbols are traded."""
        self._published: dict[str, SymbolStatus] = {}
        self._changed_at: dict[str, int] = {}
        """Symbol → the version that changed it, of those not yet taken by the bus."""
        self._unsettled: set[str] = set()
        self.version = now_us()
        """Grows with every change; no two pollers use the same."""
        self._whole_from = self.version
        """The version since which changes say it all: no symbol has gone."""

    @property
    def known(self) -> bool:
        """Whether it is known of any symbol how the exchange lists it: until then there is nothing to tell of one."""
        return bool(self._instruments)

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """The exchange lists ``symbol`` so from now on."""
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
        """Prices of ``symbol`` do not arrive, for ``reason``, which has lasted for ``for_s`` seconds.

        The first reason stays: what is said of it while it lasts is no news.
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
        """Bring what is told up to date; ``up`` says whether the feed as a whole is, `problem` apart.

        Costs next to nothing while nothing changes.
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
                # A new one: it is as live as all the others, once the feed is.
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
        # What was wrong with the quotes says more than that they are not relied on.
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
        """Why none of several symbols that are traded has a usable price; None while one has."""
        if self._traded < 2 or len(self._uncovered) + len(self._unusable) < self._traded:
            return None
        traded = [symbol for symbol, its in self._instruments.items() if its.status == "trading"]
        problems = [self._unusable.get(symbol) or self._uncovered.get(symbol) for symbol in traded]
        found = [its for its in problems if its is not None]
        return min(found, key=lambda its: its.since_us) if len(found) == len(traded) else None

    def counts(self) -> dict[str, int]:
        """How many symbols are told to be in each state."""
        counts = dict.fromkeys(("live", "stale", "halted", "delisted", "unknown"), 0)
        for published in self._published.values():
            counts[published.state] += 1
        return counts

    def whole(self) -> States:
        """What is told, of every symbol."""
        plain = [symbol for symbol, its in self._published.items() if its.state == "live" and not its.reason]
        others = [its for its in self._published.values() if its.state != "live" or its.reason]
        return States(version=self.version, live=plain, others=others)

    def changes(self, since: int | None) -> Changes:
        """What has changed since version ``since``, which the bus took, or since nothing where it took none."""
        if since is None or since < self._whole_from or len(self._changed_at) > MAX_CHANGES:
            return Changes(version=self.version, since=self.version)
        changed: Iterable[str] = (symbol for symbol, version in self._changed_at.items() if version > since)
        return Changes(version=self.version, since=since, symbols=[self._published[symbol] for symbol in changed])

    def taken(self, version: int) -> None:
        """The bus has what was told up to ``version``."""
        self._changed_at = {symbol: its for symbol, its in self._changed_at.items() if its > version}
