"""Who pays for what a client asks for: its connection, its token's subject and its address, each at its own rate."""

from typing import Final, Literal

from msgspec import Struct

from gateway.entrance import Seat
from gateway.limits import Bucket, KeyedBuckets, Rate, Verdict
from gateway.settings import Settings

Payer = Literal["connection", "subject", "address"]

_BURST_S: Final = 2.0
"""So many seconds' worth of messages may come at once; another second's worth is refused before a flood is closed."""

_ADDRESS_BURST_S: Final = 10.0
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

    def __init__(self, settings: Settings) -> None:
        self.connection = Rate(0, 0)
        self._subject, self._address = Rate(0, 0), Rate(0, 0)
        self.change(settings)
        self.subjects = KeyedBuckets(self._subject)
        """Of all messages with one subject's tokens."""
        self.addresses = KeyedBuckets(self._address)
        """Of all messages from one address."""

    def change(self, settings: Settings) -> None:
        """Go by other ``settings`` from now on."""
        rate = settings.max_messages_per_second
        self.connection.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_subject
        self._subject.change(rate, rate * _BURST_S, rate)
        rate = settings.max_messages_per_second_per_ip
        self._address.change(rate, rate * _ADDRESS_BURST_S)


class Budget:
    """What one connection may ask for; its ``seat`` says under which subject and address it counts."""

    __slots__ = ("_bucket", "_budgets", "_seat")

    def __init__(self, budgets: Budgets, seat: Seat) -> None:
        self._budgets = budgets
        self._seat = seat
        self._bucket = Bucket(budgets.connection)

    def take(self, now: float, extra: int = 0, *, anyway: bool = False) -> Refusal | None:
        """Pay for one message or frame, and ``extra`` tokens for work on it; why not, where it cannot.

        The work is done and paid for ``anyway``, where the message is refused but must be read.
        """
        budgets, seat = self._budgets, self._seat
        address_owes = seat.key is not None and budgets.addresses.owes(seat.key, now)
        price = (_WHILE_ADDRESS_OWES if address_owes else 1) + (extra if anyway else 0)
        verdict = self._bucket.take(now, price) if budgets.connection.interval_s else "ok"
        if verdict != "ok":
            return Refusal(verdict, "connection")
        # All connections of a subject or an address together only ever wait; none is closed for what another does.
        payer: Payer | None = None
        if address_owes:
            payer = "address"
        elif seat.subject and budgets.subjects.take(seat.subject, now) != "ok":
            payer = "subject"
        elif seat.key is not None:
            budgets.addresses.take(seat.key, now)
        if payer is not None:
            self._bucket.charge(price - 1, now)
            return Refusal("refuse", payer)
        if extra:
            self.charge(extra, now)
        return None

    def charge(self, tokens: int, now: float) -> None:
        """Pay ``tokens`` more for a message that was let in; what nobody has is owed, and paid before the next one."""
        budgets, seat = self._budgets, self._seat
        self._bucket.charge(tokens, now)
        if seat.subject:
            budgets.subjects.charge(seat.subject, tokens, now)
        if seat.key is not None:
            budgets.addresses.charge(seat.key, tokens, now)
