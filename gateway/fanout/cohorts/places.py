"""The connections of one cohort, each in exactly one place, and how far they have read."""

from types import MappingProxyType
from typing import Any, Final, cast

from gateway.fanout.cohorts.member import Member
from gateway.fanout.cohorts.window import Marks

NONE: Final = cast("dict[Any, Any]", MappingProxyType({}))
"""An empty dictionary that cannot be filled and takes no memory: there may be a cohort for each connection."""


class Places:
    """The holders of a cohort, each in exactly one of three places.

    - ``members`` get every flush;
    - ``newcomers`` joined, or were sent the pending ticks, since the last flush: they get the newer part of the next;
    - ``slow`` did not drain or read: they get nothing here until they come back.

    Only `gateway.fanout.membership` moves connections between them, except that a flush makes newcomers members.
    """

    __slots__ = ("_marks", "informed", "members", "newcomers", "slow")

    def __init__(self, marks: Marks | None) -> None:
        """``marks`` record how far the members have read."""
        self.members: dict[Member, int] = {}
        """Member → the newest mark that it has answered, or that was sent before it joined."""
        self.newcomers: dict[Member, int] = NONE
        """Newcomer → the offset of the newest tick when it joined."""
        self.slow: dict[Member, None] = NONE
        self.informed: dict[Member, int] = NONE
        """Member or newcomer → the offset up to which it knows the states that are due to all."""
        self._marks = marks

    def __len__(self) -> int:
        return len(self.members) + len(self.newcomers) + len(self.slow)

    def __contains__(self, connection: Member) -> bool:
        return connection in self.members or connection in self.newcomers or connection in self.slow

    def join(self, connection: Member) -> None:
        """Nowhere → member; nothing is pending or due. It gets everything published from now on."""
        assert connection not in self.members
        assert connection not in self.newcomers
        assert connection not in self.slow
        self.members[connection] = 0 if self._marks is None else self._marks.newest

    def join_later(self, connection: Member, offset: int, *, pending: bool, due: bool = False) -> None:
        """Nowhere → newcomer if any tick is ``pending``, else member.

        It gets every tick published after ``offset``, that of the newest tick, and none before. If states are ``due``
        to all, the same holds for them.
        """
        assert connection not in self
        if due:
            if not self.informed:
                self.informed = {}
            self.informed[connection] = offset
        if pending:
            if not self.newcomers:
                self.newcomers = {}
            self.newcomers[connection] = offset
        else:
            self.members[connection] = self.newest_mark

    def join_slow(self, connection: Member) -> None:
        """Nowhere → slow."""
        assert connection not in self
        if not self.slow:
            self.slow = {}
        self.slow[connection] = None

    def set_aside(self, connection: Member, mark: int | None = None) -> None:
        """Member or newcomer → slow.

        ``mark`` is the newest mark that it was sent, if that is not the newest of all.
        """
        assert connection in self.members or connection in self.newcomers
        self.leave(connection, mark)
        self.join_slow(connection)

    def leave(self, connection: Member, mark: int | None = None) -> None:
        """Anywhere → nowhere. For ``mark`` see `set_aside`."""
        assert connection in self
        if self.slow:
            self.slow.pop(connection, None)
        if self.newcomers:
            self.newcomers.pop(connection, None)
        if self.informed:
            self.informed.pop(connection, None)
        answered = self.members.pop(connection, None)
        if answered is not None and self._marks is not None:
            self._marks.leave(connection, answered, self._marks.newest if mark is None else mark)

    def admit(self) -> dict[Member, int]:
        """All newcomers → members: nothing is pending any more. Return them with their offsets."""
        newcomers, self.newcomers = self.newcomers, NONE
        self.members.update(dict.fromkeys(newcomers, self.newest_mark))
        return newcomers

    @property
    def newest_mark(self) -> int:
        """The number of the newest ping to all members; 0 if there was none."""
        return 0 if self._marks is None else self._marks.newest

    def answered(self, connection: Member, number: int, now: float) -> bool:
        """``connection`` has read everything up to a mark. False if it was not sent that mark, or had answered it."""
        marks, before = self._marks, self.members.get(connection, 0)
        if marks is None or not marks.answer(connection, number, before, now):
            return False
        self.read_up_to(connection, number)
        return True

    def read_up_to(self, connection: Member, number: int) -> None:
        """``connection`` has answered every mark up to this number."""
        if connection in self.members:
            self.members[connection] = max(self.members[connection], min(number, self.newest_mark))

    def seen_by(self, connection: Member, flushed: int) -> int:
        """The offset up to which a member or newcomer has been sent everything; for members, everything ``flushed``."""
        return max(flushed, self.newcomers.get(connection, 0))
