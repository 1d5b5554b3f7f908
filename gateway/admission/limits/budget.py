"""Who is charged for a client's messages: its connection, its token's subject and its address, each at its own rate."""

from typing import Final, Literal

from msgspec import Struct

from gateway.admission.limits.buckets import Bucket, KeyedBuckets, Rate, Verdict
from gateway.admission.policy import Policy
from gateway.admission.upgrade_request import Slot

Payer = Literal["connection", "subject", "address"]

_BURST_S: Final = 2.0
"""So many seconds' worth of messages may come at once. Another second's worth is refused before a flood is closed."""

_ADDRESS_BURST_S: Final = 5.0
"""An office behind one address may have all its clients connect again at once."""

_WHILE_ADDRESS_OWES: Final = 10
"""A refused message costs its connection so many times as much while its address has no tokens left. Among the many
clients behind an address those that send most are closed, and then the others get tokens."""


class Refusal(Struct, frozen=True):
    """Why a message is not read."""

    verdict: Verdict
    """``refuse`` or ``close``."""
    payer: Payer
    """Whose tokens are used up."""


class Budgets:
    """The message rates of one gateway, and what subjects and addresses have left of theirs."""

    def __init__(self, settings: Policy) -> None:
        self.connection = Rate(0, 0)
        self._subject, self._address = Rate(0, 0), Rate(0, 0)
        self.change(settings)
        self.subjects = KeyedBuckets(self._subject)
        """The rate of each subject's messages."""
        self.addresses = KeyedBuckets(self._address)
        """The rate of each address's messages."""

    def change(self, settings: Policy) -> None:
        """Apply other ``settings`` from now on."""
        rate = settings.max_messages_per_second
        self.connection.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_subject
        self._subject.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_ip
        self._address.change(rate, rate * _ADDRESS_BURST_S)

    def take(self, bucket: Bucket, slot: Slot, now: float, extra: int = 0, *, anyway: bool = False) -> Refusal | None:
        """Charge the client in ``slot`` for one message or frame, and ``extra`` tokens for work on it.

        Returns why not, if it is refused. ``bucket`` is the connection's own. With ``anyway`` the message must be read
        even if it is refused, so the work is charged all the same.
        """
        price = 1 + extra if anyway else 1
        verdict = bucket.take(now, price) if self.connection.interval_s else "ok"
        if verdict == "refuse" and slot.payer is not None and self.addresses.owes(slot.payer, now):
            verdict = bucket.take(now, _WHILE_ADDRESS_OWES - 1)
        if verdict != "ok":
            return Refusal(verdict, "connection")
        # Connections that share a subject or an address only have to wait; none is closed for what another does.
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
        """Charge ``tokens`` more for a message that was let in. Missing tokens are a debt, which is paid first."""
        bucket.charge(tokens, now)
        if slot.subject:
            self.subjects.charge(slot.subject, tokens, now)
        if slot.payer is not None:
            self.addresses.charge(slot.payer, tokens, now)
