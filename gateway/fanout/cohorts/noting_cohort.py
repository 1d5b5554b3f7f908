"""A cohort that notes its members' positions: behind every tick, how far they have come.

Such a member need not look into ticks. When it connects again it gives back the last note, and gets what it missed.
A note has every topic of the cohort, so with many topics it is longer than a tick. Then it goes behind several flushes.
It is never ahead of what was sent: at worst a tick comes twice, and its ``seq`` shows it. A note that no request could
carry back is not sent at all.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Subscription
from gateway.protocol.forms import FramedTick

MOST_NOTE_BYTES: Final = 8 * 1024
"""Some 250 symbols. A request's head may have 14 KB, and a token is in it too (`gateway.admission.request.head`)."""


class NotingCohort(Cohort):
    """A cohort of every tick whose encoding has `Encoding.positions`."""

    __slots__ = ("_bare_join", "_note", "_positions", "_unnoted")

    def __init__(
        self,
        subscription: Subscription,
        *arguments: Any,
        note: Callable[[Mapping[str, int]], bytes],
        last: Mapping[str, FramedTick],
        **options: Any,
    ) -> None:
        """``note`` writes positions; ``last`` has the newest tick of each topic."""
        super().__init__(subscription, *arguments, **options)
        self._note = note
        self._positions = {topic: last[topic].seq for topic in sorted(subscription.topics) if topic in last}
        self._bare_join, self._join = self._join, self._join_and_note
        self._unnoted = 0
        """Bytes of ticks since the last note."""

    def flush_every(self, ticks: Collection[FramedTick], since: int) -> None:
        """See `Cohort.flush_every`."""
        topics = self.subscription.topics
        self._positions.update((tick.topic, tick.seq) for tick in ticks if tick.topic in topics)
        super().flush_every(ticks, since)

    def _join_and_note(self, forms: Collection[bytes]) -> bytes:
        blob, note = self._bare_join(forms), b""
        self._unnoted += len(blob)
        # A position takes some thirty bytes.
        if self._unnoted >= 30 * len(self._positions):
            note = self._note(self._positions)
            self._unnoted = 0
        return blob + note if len(note) <= MOST_NOTE_BYTES else blob
