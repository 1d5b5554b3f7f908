"""Who may come in, decided before a connection costs anything: by name, origin, address, token and room.

The way of a newcomer: `Admission.arrive` when its connection is accepted, `look` at the request, a grant for the
token, `admit`. Whoever was counted on the way in is counted out by `leave`.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs
from msgspec import Struct
from multidict import CIMultiDictProxy, MultiMapping

from gateway.admission.address import limit_key, spelled
from gateway.admission.charges import Charges
from gateway.admission.limit_log import LimitLog
from gateway.admission.limits import KeyedBuckets, Rate, Tally
from gateway.admission.names import Names
from gateway.admission.policy import Policy
from gateway.auth.grant import ANONYMOUS, Grant, RefusedError, TryLaterError
from gateway.errors import RefusalError
from gateway.protocol.encodings import ENCODINGS
from gateway.websocket.handshake import Handshake, check
from market.bus import BusDownError

_THIS_MACHINE: Final = frozenset(("127.0.0.1", "::1"))

_BUS_AGAIN_S: Final = 3
"""So often, at least, the bus is tried."""

_RATE_BURST_S: Final = 10
"""A page of charts, or an office whose gateway has gone, connects many times at once."""


class UpgradeRequest(Struct, frozen=True):
    """A request for a WebSocket that is in order."""

    handshake: Handshake
    address: str
    key: str | None
    """What its address is counted under; None where it is not counted, or was when it arrived."""
    token: str | None
    ticket: str | None
    payer: str | None = None
    """Whom its proof is charged to, see `Admission.payer`."""
    proxied: bool = False
    """Whether a trusted proxy brought it."""

    @property
    def brings_proof(self) -> bool:
        """Whether it says who it is, and need not say it in its first message."""
        return self.token is not None or self.ticket is not None


class Slot(Struct, gc=False):
    """What somebody who came in is counted under."""

    key: str | None
    """The address; None for nobody's."""
    subject: str = ""
    """The token's; "" for nobody's."""


class Admission:
    """Lets clients in, or refuses them."""

    def __init__(
        self,
        settings: Policy,
        verify_now: Callable[[str], Grant | None] | None,
        has_room: Callable[[], bool],
    ) -> None:
        """``verify_now`` tells what a token opens, or None where that takes time; it is None where nobody needs one.

        ``has_room`` says whether the process takes one more.
        """
        self._settings = settings
        self._verify_now = verify_now
        self._has_room = has_room
        self._loop = asyncio.get_running_loop()
        self.limit_log = LimitLog()
        """Tells of addresses and subjects that meet a limit."""
        self.names = Names(settings)
        """Checks `Host` and `Origin`."""
        rate = settings.max_connect_rate_per_ip
        self._connect_rate = Rate(rate, rate * _RATE_BURST_S)
        self._connects = KeyedBuckets(self._connect_rate)
        self.charges = Charges(settings.max_request_rate_per_ip, self._loop.time, self._met_request_rate)
        """What requests cost."""
        self._addresses = Tally()
        self._subjects = Tally()

    def _met_request_rate(self, payer: str) -> None:
        self.limit_log.met(payer, "MAX_REQUEST_RATE_PER_IP", self._settings.max_request_rate_per_ip)

    def change(self, settings: Policy) -> None:
        """Let in by other ``settings`` from now on; whoever is in stays in, and is counted as before."""
        self._settings = settings
        rate = settings.max_connect_rate_per_ip
        self._connect_rate.change(rate, rate * _RATE_BURST_S)
        self.charges.change(settings.max_request_rate_per_ip)
        self.names.change(settings)

    def close(self) -> None:
        """Log what was only counted so far."""
        self.limit_log.close()
        self.names.close()

    def arrive(self, peer: str | None) -> str | None:
        """Count a connection that was just accepted, and return what it is counted under, to be given to `depart`.

        None where it is not counted: a trusted proxy's, which says later whose it is, or one of this machine's own.

        Raises:
            RefusalError: too many of this address, or too fast.
        """
        if self._settings.trusted_proxies.trusts(peer):
            return None
        key = self._key(self._settings.trusted_proxies.client(peer, ()))
        if key is not None:
            self._count_in(key)
        return key

    def key(self, peer: str | None) -> str:
        """What connections of ``peer`` are counted under, where they are."""
        return limit_key(spelled(peer))

    def depart(self, key: str | None) -> None:
        """What `arrive` returned counts no more."""
        if key is not None:
            self._addresses.leave(key)

    def look(
        self, headers: CIMultiDictProxy[str], query: MultiMapping[str], peer: str | None, *, counted: bool
    ) -> UpgradeRequest:
        """What a request asks for. ``counted`` says whether `arrive` was asked about its connection.

        Raises:
            RefusalError: it is refused; what is wrong is in the answer.
        """
        settings = self._settings
        handshake = check(headers, ENCODINGS, deflate=settings.ws_compression == "on")
        self.names.check(headers)
        address, payer, forwarded = self._identity(headers, peer)
        return UpgradeRequest(
            handshake,
            address,
            payer if forwarded or not counted else None,
            bearer(headers) or (query.get("token") if settings.auth_query_token else None),
            query.get("ticket"),
            payer,
            forwarded,
        )

    def _identity(self, headers: CIMultiDictProxy[str], peer: str | None) -> tuple[str, str | None, bool]:
        """The address behind a request, what it is counted and charged under, and whether a trusted proxy brought it.

        Nothing is counted or charged for this machine itself, unless that is asked for.
        """
        proxies = self._settings.trusted_proxies
        if not proxies.trusts(peer):
            address = spelled(peer)
            if hdrs.X_FORWARDED_FOR in headers:
                self.limit_log.hides_clients(address)
            return address, self._key(address), False
        told = proxies.told(peer, headers.getall(hdrs.X_FORWARDED_FOR, ()))
        if told is None:
            # Whoever it is, it is not this machine: the proxy's own address stands in for a stranger's.
            return spelled(peer), limit_key(spelled(peer)), True
        return told, self._key(told), True

    def payer(self, headers: CIMultiDictProxy[str], peer: str | None) -> str | None:
        """Whom the work for a request is charged to; None for this machine itself, unless it has no privilege."""
        return self._identity(headers, peer)[1]

    def grant_now(self, upgrade_request: UpgradeRequest) -> Grant | None:
        """What ``upgrade_request`` may do; None where that has to be waited for, or where the first message shall tell.

        Raises:
            RefusalError: its token opens nothing.
        """
        if self._verify_now is None:
            return ANONYMOUS
        if upgrade_request.token is None or upgrade_request.ticket is not None:
            return None
        try:
            # Where it has to be waited for, it is charged again then.
            with self.charges.proof(upgrade_request.payer):
                return self._verify_now(upgrade_request.token)
        except RefusedError as error:
            raise unauthorised(str(error), error.code) from None

    def admit(self, upgrade_request: UpgradeRequest, grant: Grant | None) -> Slot:
        """Count ``upgrade_request`` in; to be given to `leave`. ``grant`` is None for one who is still to show a token.

        Raises:
            RefusalError: there is no room for it.
        """
        self.require_room()
        if upgrade_request.key is not None:
            self._count_in(upgrade_request.key)
        slot = Slot(upgrade_request.key)
        if grant is not None and grant.subject:
            try:
                self._require_identity(slot, grant)
            except RefusalError:
                self.leave(slot)
                raise
        return slot

    def confirm(self, slot: Slot, grant: Grant) -> None:
        """See that there is room for the one in ``slot``, now that it is known who it is.

        Raises:
            RefusalError: there is none; it has still to `leave`.
        """
        self.require_room()
        self._require_identity(slot, grant)

    def _require_identity(self, slot: Slot, grant: Grant) -> None:
        if not self.identify(slot, grant):
            problem = "too many connections with tokens of this subject"
            raise RefusalError(429, "subject", problem, {"Retry-After": "5"})

    def identify(self, slot: Slot, grant: Grant) -> bool:
        """Count the one in ``slot`` under its token's subject; whether there was room for one more of it."""
        if not grant.subject:
            return True
        limit = grant.max_connections or self._settings.max_connections_per_subject
        if not self._subjects.enter(grant.subject, limit):
            setting = "max_connections of its token" if grant.max_connections else "MAX_CONNECTIONS_PER_SUBJECT"
            self.limit_log.met(f"subject {grant.subject!a}", setting, limit)
            return False
        slot.subject = grant.subject
        return True

    def leave(self, slot: Slot) -> None:
        """Whoever was in ``slot`` is gone."""
        self.depart(slot.key)
        if slot.subject:
            self._subjects.leave(slot.subject)
        slot.key, slot.subject = None, ""

    def require_room(self) -> None:
        """Let a client in if the process takes one more.

        Raises:
            RefusalError: it does not.
        """
        if not self._has_room():
            raise RefusalError(503, "full", "this gateway takes no more connections; try again", {"Retry-After": "1"})

    def _key(self, address: str) -> str | None:
        if self._settings.spare_loopback and address in _THIS_MACHINE:
            return None
        return limit_key(address)

    def _count_in(self, key: str) -> None:
        settings = self._settings
        if self._connects.take(key, self._loop.time()) != "ok":
            reason, problem = "rate", "too many new connections from this address; wait a moment"
            self.limit_log.met(key, "MAX_CONNECT_RATE_PER_IP", settings.max_connect_rate_per_ip)
        elif not self._addresses.enter(key, settings.max_connections_per_ip):
            reason, problem = "address", "too many connections from this address"
            self.limit_log.met(key, "MAX_CONNECTIONS_PER_IP", settings.max_connections_per_ip)
        else:
            return
        raise RefusalError(429, reason, problem, {"Retry-After": "1"})


def bearer(headers: CIMultiDictProxy[str]) -> str | None:
    """The token in an ``Authorization`` header (RFC 6750, section 2.1), or None."""
    if hdrs.AUTHORIZATION not in headers:
        return None
    scheme, _, token = headers[hdrs.AUTHORIZATION].partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def try_later(problem: str, error: TryLaterError | BusDownError) -> RefusalError:
    """What to answer where the issuer's keys, or the bus's store, cannot be asked; and when to come back."""
    after_s = math.ceil(error.after_s) if isinstance(error, TryLaterError) else _BUS_AGAIN_S
    return RefusalError(503, "try_later", f"{problem}; try again", {hdrs.RETRY_AFTER: str(after_s)})


def unauthorised(problem: str, code: str) -> RefusalError:
    """What to answer to a token that opens nothing (RFC 6750, section 3)."""
    return RefusalError(401, "token", problem, {hdrs.WWW_AUTHENTICATE: 'Bearer error="invalid_token"'}, code=code)
