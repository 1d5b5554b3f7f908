"""Who pays for what a client asks for: its connection, its token's subject and its address, each at its own rate."""

from typing import Final, Literal

from msgspec import Struct

from gateway.admission.limits import Bucket, KeyedBuckets, Rate, Verdict
from gateway.admission.policy import Policy
from gateway.admission.upgrade_request import Slot

Payer = Literal["connection", "subject", "address"]

_BURST_S: Final = 2.0
"""So many seconds' worth of messages may come at once; another second's worth is refused before a flood is closed."""

_ADDRESS_BURST_S: Final = 5.0
"""Behind one address there may be an office, all of whose clients connect again at once."""

_WHILE_ADDRESS_OWES: Final = 10
"""So many times as much a refused message costs its connection while its address has no tokens left. Of the many
behind an address those who send most are closed, and then there are some left for the others."""


class Refusal(Struct, frozen=True):
    """Why a message is not looked at."""

    verdict: Verdict
    """``refuse`` or ``close``."""
    payer: Payer
    """Who has no tokens left."""


class Budgets:
    """The rates of messages of one gateway, and what subjects and addresses have left of theirs."""

    def __init__(self, settings: Policy) -> None:
        self.connection = Rate(0, 0)
        self._subject, self._address = Rate(0, 0), Rate(0, 0)
        self.change(settings)
        self.subjects = KeyedBuckets(self._subject)
        """Of all messages with one subject's tokens."""
        self.addresses = KeyedBuckets(self._address)
        """Of all messages from one address."""

    def change(self, settings: Policy) -> None:
        """Go by other ``settings`` from now on."""
        rate = settings.max_messages_per_second
        self.connection.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_subject
        self._subject.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_ip
        self._address.change(rate, rate * _ADDRESS_BURST_S)

    def take(self, bucket: Bucket, slot: Slot, now: float, extra: int = 0, *, anyway: bool = False) -> Refusal | None:
        """Let who is in ``slot`` pay for one message or frame, and ``extra`` tokens for work on it.

        Returns why not, where it cannot. ``bucket`` is its connection's own. The work is done and paid for ``anyway``,
        where the message is refused but must be read.
        """
        price = 1 + extra if anyway else 1
        verdict = bucket.take(now, price) if self.connection.interval_s else "ok"
        if verdict == "refuse" and slot.payer is not None and self.addresses.owes(slot.payer, now):
            verdict = bucket.take(now, _WHILE_ADDRESS_OWES - 1)
        if verdict != "ok":
            return Refusal(verdict, "connection")
        # All connections of a subject or an address together only ever wait; none is closed for what another does.
        if slot.subject and self.subjects.take(slot.subject, now) != "ok":
            bucket.charge(price - 1, now)
            return Refusal("refuse", "subject")
        if slot.payer is not None and self.addresses.take(slot.payer, now) != "ok":
            bucket.charge(price - 1 + _WHILE_ADDRESS_OWES - 1, now)
            return Refusal("refuse", "address")
        if extra:
            self.charge(bucket, slot, extra, now)
        return None

    def charge(self, bucket: Bucket, slot: Slot, tokens: int, now: float) -> None:
        """Let it pay ``tokens`` more for a message that was let in; what is not there is owed, and paid first."""
        bucket.charge(tokens, now)
        if slot.subject:
            self.subjects.charge(slot.subject, tokens, now)
        if slot.payer is not None:
            self.addresses.charge(slot.payer, tokens, now)
