"""Who may connect, decided before a connection costs anything: by name, origin, address, token and room.

The steps for a new connection: `Admission.arrive` when it is accepted, `look` at the request, a grant for the token,
`admit`. Everything counted on the way in is released by `leave`.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDictProxy, MultiMapping

from gateway.admission.access_log import AccessLog
from gateway.admission.address import limit_key, spelled
from gateway.admission.limits.buckets import KeyedBuckets, Rate, Tally
from gateway.admission.limits.charges import Charges
from gateway.admission.limits.limit_log import LimitLog
from gateway.admission.names import Names
from gateway.admission.policy import Policy
from gateway.admission.upgrade_request import NotYet, Slot, UpgradeRequest, bearer
from gateway.auth.grant import ANONYMOUS, Grant, RefusedError, TryLaterError
from gateway.errors import RefusalError
from gateway.protocol.encodings import subprotocols
from gateway.websocket.handshake import Handshake, check
from market.bus import BusDownError

_THIS_MACHINE: Final = frozenset(("127.0.0.1", "::1"))

_BUS_AGAIN_S: Final = 3
"""The bus is tried at least so often."""

_RATE_BURST_S: Final = 10
"""A page of charts, or an office whose gateway is gone, connects many times at once."""


class Admission:
    """Lets clients in, or refuses them."""

    def __init__(
        self,
        settings: Policy,
        verify_now: Callable[[str], Grant | None] | None,
        has_room: Callable[[], bool],
    ) -> None:
        """``verify_now`` gives a token's grant, or None if that takes time; it is None if no token is needed.

        ``has_room`` says whether the process takes one more.
        """
        self._settings = settings
        self._verify_now = verify_now
        self._has_room = has_room
        self._loop = asyncio.get_running_loop()
        self.limit_log = LimitLog()
        """Logs addresses and subjects that meet a limit."""
        self.access_log = AccessLog()
        """Logs the ends of clients."""
        self.names = Names(settings)
        """Checks `Host` and `Origin`."""
        rate = settings.max_connect_rate_per_ip
        self._connect_rate = Rate(rate, rate * _RATE_BURST_S)
        self._connects = KeyedBuckets(self._connect_rate)
        self.charges = Charges(settings.max_request_rate_per_ip, self._loop.time, self._met_request_rate)
        """The charges for requests."""
        self._addresses = Tally()
        self._subjects = Tally()

    def _met_request_rate(self, payer: str) -> None:
        self.limit_log.met(payer, "MAX_REQUEST_RATE_PER_IP", self._settings.max_request_rate_per_ip)

    def change(self, settings: Policy) -> None:
        """Apply other ``settings`` from now on; admitted clients stay, and are counted as before."""
        self._settings = settings
        rate = settings.max_connect_rate_per_ip
        self._connect_rate.change(rate, rate * _RATE_BURST_S)
        self.charges.change(settings.max_request_rate_per_ip)
        self.names.change(settings)

    def close(self) -> None:
        """Log what was only counted so far."""
        self.limit_log.close()
        self.access_log.close()
        self.names.close()

    def arrive(self, peer: str | None) -> str | None:
        """Count a connection that was just accepted. Return what it is counted under, to be given to `depart`.

        None: the connection is neither counted nor charged by itself. Its requests are, if a trusted proxy brings
        them (`look`).

        Raises:
            RefusalError: too many of this address, or too fast.
        """
        if self._settings.trusted_proxies.trusts(peer):
            return None
        payer = self._payer(self._settings.trusted_proxies.client(peer, ()))
        if payer is not None:
            self._count_in(payer)
        return payer

    def key(self, peer: str | None) -> str:
        """The key that connections of ``peer`` are counted under, if they are counted."""
        return limit_key(spelled(peer))

    def depart(self, payer: str | None) -> None:
        """Count out a connection, by what `arrive` returned."""
        if payer is not None:
            self._addresses.leave(payer)

    def look(
        self,
        headers: CIMultiDictProxy[str],
        query: MultiMapping[str],
        peer: str | None,
        *,
        counted: bool,
        announced: bool = False,
        path: str = "",
    ) -> UpgradeRequest:
        """Check a request for ``path``, and return what it asks for.

        ``counted`` says whether `arrive` counted its connection, ``announced`` whether a balancer has told the address
        of ``peer``.

        Raises:
            RefusalError: it is refused; the answer says what is wrong.
        """
        handshake = check(headers, subprotocols(path), deflate=self._settings.ws_compression == "on")
        self.names.check(headers)
        return self.look_at(handshake, headers, query, peer, counted=counted, announced=announced, path=path)

    def look_at(
        self,
        handshake: Handshake,
        headers: CIMultiDictProxy[str],
        query: MultiMapping[str],
        peer: str | None,
        *,
        counted: bool,
        announced: bool = False,
        path: str = "",
    ) -> UpgradeRequest:
        """The same for a request whose names and ``handshake`` are checked, or that has none (`NO_HANDSHAKE`)."""
        settings = self._settings
        address, payer, forwarded = self._identity(headers, peer)
        return UpgradeRequest(
            handshake,
            address,
            payer,
            forwarded or not counted,
            bearer(headers) or (query.get("token") if settings.auth_query_token else None),
            query.get("ticket"),
            forwarded or announced,
            path,
            query.get("attempt", "") not in ("", "0"),
        )

    def _identity(self, headers: CIMultiDictProxy[str], peer: str | None) -> tuple[str, str | None, bool]:
        """The address behind a request, the key it is counted and charged under, and whether a trusted proxy sent it.

        Nothing is counted or charged for this machine itself, unless the settings say so.
        """
        proxies = self._settings.trusted_proxies
        if not proxies.trusts(peer):
            address = spelled(peer)
            if hdrs.X_FORWARDED_FOR in headers:
                self.limit_log.hides_clients(address)
            return address, self._payer(address), False
        reported = proxies.reported(peer, headers.getall(hdrs.X_FORWARDED_FOR, ()))
        if reported is None:
            # The client is unknown, but it is not this machine: the proxy's own address counts as a stranger's.
            return spelled(peer), limit_key(spelled(peer)), True
        return reported, self._payer(reported), True

    def payer(self, headers: CIMultiDictProxy[str], peer: str | None) -> str | None:
        """The address that a request is charged to; None for this machine itself, unless it has no exemption."""
        return self._identity(headers, peer)[1]

    def grant_now(self, upgrade_request: UpgradeRequest) -> Grant | NotYet:
        """What ``upgrade_request`` may do, or why that is not known yet.

        Raises:
            RefusalError: its token is not valid.
        """
        if self._verify_now is None:
            return ANONYMOUS
        if upgrade_request.ticket is not None:
            return "to_prove"
        if upgrade_request.token is None:
            return "by_message"
        try:
            # If the grant takes time, the proof is charged again then.
            with self.charges.proof(upgrade_request.payer):
                return self._verify_now(upgrade_request.token) or "to_prove"
        except RefusedError as error:
            raise unauthorised(str(error), error.code) from None

    def admit(self, upgrade_request: UpgradeRequest, grant: Grant | None) -> Slot:
        """Count ``upgrade_request`` in; return its slot, for `leave`. ``grant`` is None if a token is still to come.

        Raises:
            RefusalError: there is no room for it.
        """
        self.require_room()
        slot = Slot(upgrade_request.payer)
        if upgrade_request.to_count and slot.payer is not None:
            self._count_in(slot.payer)
            slot.is_counted = True
        if grant is not None and grant.subject:
            try:
                self._require_identity(slot, grant)
            except RefusalError:
                self.leave(slot)
                raise
        return slot

    def confirm(self, slot: Slot, grant: Grant) -> None:
        """Check that there is room for the client in ``slot``, now that its subject is known.

        Raises:
            RefusalError: there is none; the slot must still `leave`.
        """
        self.require_room()
        self._require_identity(slot, grant)

    def _require_identity(self, slot: Slot, grant: Grant) -> None:
        if not self.identify(slot, grant):
            problem = "too many connections with tokens of this subject"
            raise RefusalError(429, "subject", problem, {"Retry-After": "5"})

    def identify(self, slot: Slot, grant: Grant) -> bool:
        """Count the client in ``slot`` under its token's subject; return whether there was room for one more."""
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
        """The client in ``slot`` is gone."""
        if slot.is_counted:
            self.depart(slot.payer)
        if slot.subject:
            self._subjects.leave(slot.subject)
        slot.subject, slot.is_counted = "", False

    def require_room(self) -> None:
        """Let a client in if the process takes one more.

        Raises:
            RefusalError: it does not.
        """
        if not self._has_room():
            raise RefusalError(503, "full", "this gateway takes no more connections; try again", {"Retry-After": "1"})

    def _payer(self, address: str) -> str | None:
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


def try_later(problem: str, error: TryLaterError | BusDownError) -> RefusalError:
    """The refusal if the issuer's keys, or the bus's store, cannot be asked; with the time to come back."""
    after_s = math.ceil(error.after_s) if isinstance(error, TryLaterError) else _BUS_AGAIN_S
    return RefusalError(503, "try_later", f"{problem}; try again", {hdrs.RETRY_AFTER: str(after_s)})


def unauthorised(problem: str, code: str) -> RefusalError:
    """The refusal of a token that is not valid (RFC 6750, section 3)."""
    return RefusalError(401, "token", problem, {hdrs.WWW_AUTHENTICATE: 'Bearer error="invalid_token"'}, code=code)
