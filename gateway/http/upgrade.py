"""From a request for ``/ws`` to a client: at once if nothing has to be awaited, else through aiohttp."""

import asyncio
from collections.abc import Callable

from aiohttp import HttpVersion, HttpVersion11, hdrs, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDictProxy, MultiMapping

from gateway.admission.acceptor import PendingHandshake
from gateway.admission.address import is_private
from gateway.admission.admission import Admission, try_later, unauthorised
from gateway.admission.limits.charges import REQUEST
from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.client.welcome import begin
from gateway.errors import RefusalError
from gateway.gateway import Gateway
from gateway.http.aiohttp_internals import take_over
from gateway.websocket.sockets import peer_of
from market.bus import BusDownError

Begin = Callable[[asyncio.Transport, UpgradeRequest, Grant | None, Slot], asyncio.Protocol]
"""Makes a client's connection of an admitted request."""


def upgrade_now(gateway: Gateway, message: RawRequestMessage, pending: PendingHandshake) -> asyncio.Protocol | None:
    """The client's connection; None if the request is refused or must wait, which is left to `upgrade`."""
    admission = gateway.admission
    hosts = gateway.settings.binance
    if hosts.hosts and hosts.names(message.headers.get(hdrs.HOST, "")):
        # The path is another's there.
        return None
    try:
        _require_form(message.version, message.headers)
        upgrade_request = admission.look(
            message.headers,
            message.url.query,
            pending.peer,
            counted=True,
            announced=pending.announced is not None,
            path=message.url.raw_path,
        )
        answer = admission.grant_now(upgrade_request)
        if answer == "to_prove":
            return None
        grant = None if answer == "by_message" else answer
        slot = admission.admit(upgrade_request, grant)
    except RefusalError as error:
        pending.refusal = error
        return None
    _keep_count(admission, slot, pending)
    return begin(gateway, pending.transport, upgrade_request, grant, slot)


def _keep_count(admission: Admission, slot: Slot, pending: PendingHandshake) -> None:
    """``slot`` goes on with the count of a connection that was counted when it was accepted."""
    if pending.hand_over():
        if slot.is_counted:
            # Settings have changed since: a proxy is trusted now.
            admission.depart(pending.payer)
        else:
            slot.payer, slot.is_counted = pending.payer, True


def refuse_again(request: web.Request) -> None:
    """Repeat the refusal of `upgrade_now`, if there is one: a second check would count the request twice.

    Raises:
        RefusalError: there is one.
    """
    pending = origin_of(request)[1]
    if pending is not None and pending.refusal is not None:
        refusal, pending.refusal = pending.refusal, None
        raise refusal


async def upgrade(
    request: web.Request,
    gateway: Gateway,
    *,
    query: MultiMapping[str] | None = None,
    require: Callable[[Grant | None], None] = lambda _grant: None,
    make: Begin | None = None,
) -> web.StreamResponse:
    """Answer a handshake, and take its connection from aiohttp.

    ``make`` makes the connection, by default one of the gateway's own protocol. ``query`` has the parameters, if they
    are not those of the URL. ``require`` raises `RefusalError` if a client with this grant is not wanted; without one
    its token would come in a message.

    Raises:
        RefusalError: it is refused.
    """
    admission = gateway.admission
    peer, pending = origin_of(request)
    require_private(request, gateway)
    _require_form(request.version, request.headers)
    upgrade_request = admission.look(
        request.headers,
        request.query if query is None else query,
        peer,
        counted=pending is not None,
        announced=pending is not None and pending.announced is not None,
        path=request.rel_url.raw_path,
    )
    return await take_in(request, gateway, upgrade_request, require, make)


async def take_in(
    request: web.Request,
    gateway: Gateway,
    upgrade_request: UpgradeRequest,
    require: Callable[[Grant | None], None],
    make: Begin | None = None,
) -> web.StreamResponse:
    """Let a request in, and take its connection from aiohttp; see `upgrade`.

    Raises:
        RefusalError: it is refused.
    """
    grant, slot = await _let_in(gateway, upgrade_request, require)
    _stay(request, gateway, upgrade_request, slot)
    if make is None:
        return take_over(request, lambda transport: begin(gateway, transport, upgrade_request, grant, slot))
    return take_over(request, lambda transport: make(transport, upgrade_request, grant, slot))


async def _let_in(
    gateway: Gateway, upgrade_request: UpgradeRequest, require: Callable[[Grant | None], None]
) -> tuple[Grant | None, Slot]:
    """The grant of a request, None if a message has to bring its token, and its slot, which must be left.

    Raises:
        RefusalError: it is refused.
    """
    admission = gateway.admission
    answer = admission.grant_now(upgrade_request)
    grant = answer if isinstance(answer, Grant) else None
    # Before its proof is checked: that uses up a ticket, and may fetch keys.
    slot = admission.admit(upgrade_request, grant)
    try:
        if answer == "to_prove":
            grant = await prove(gateway, upgrade_request)
            admission.confirm(slot, grant)
        require(grant)
    except BaseException:
        admission.leave(slot)
        raise
    return grant, slot


def _stay(request: web.Request, gateway: Gateway, upgrade_request: UpgradeRequest, slot: Slot) -> None:
    """The connection of ``request`` is about to be taken from aiohttp, and counts for its client in ``slot``.

    Raises:
        RefusalError: the client has gone; the slot was left.
    """
    admission, pending = gateway.admission, origin_of(request)[1]
    # A bare aiohttp has its own kind of protocol, which ends with the client.
    if request.transport is None or getattr(request.protocol, "finished", False):
        # A client that sends no more cannot use a WebSocket.
        admission.leave(slot)
        raise RefusalError(400, "handshake", "the client has gone, or sends no more")
    if pending is not None:
        _keep_count(admission, slot, pending)
    # As for handshakes that are admitted at once: connects have limits of their own.
    admission.charges.give_back(upgrade_request.payer, REQUEST)


async def prove(gateway: Gateway, upgrade_request: UpgradeRequest) -> Grant:
    """The grant of a request's ticket or token.

    Raises:
        RefusalError: it is not valid, or cannot be checked now; or too many were not valid.
    """
    try:
        with gateway.admission.charges.proof(upgrade_request.payer):
            if upgrade_request.ticket is not None:
                grant = await gateway.tickets.redeem(upgrade_request.ticket)
                if grant is None:
                    raise unauthorised("the ticket is used, too old, or none; get a new one", "bad_ticket")
                # Its token may have been revoked since.
                return grant if gateway.authenticator is None else gateway.authenticator.revocations.check(grant)
            assert upgrade_request.token is not None
            assert gateway.authenticator is not None
            return await gateway.authenticator.verify(upgrade_request.token)
    except RefusedError as error:
        raise unauthorised(str(error), error.code) from None
    except (TryLaterError, BusDownError) as error:
        raise try_later("this cannot be checked now", error) from None


def _require_form(version: HttpVersion, headers: CIMultiDictProxy[str]) -> None:
    """Refuse a request that is not clearly an upgrade.

    Raises:
        RefusalError: it is not HTTP/1.1 (RFC 6455, section 4.1), or has a body: proxies may disagree about where the
            body ends and frames begin (request smuggling).
    """
    if version != HttpVersion11:
        raise RefusalError(400, "handshake", "a WebSocket handshake needs HTTP/1.1")
    if headers.get(hdrs.CONTENT_LENGTH, "0") != "0" or hdrs.TRANSFER_ENCODING in headers:
        raise RefusalError(400, "handshake", "a WebSocket handshake has no body")


def require_private(request: web.Request, gateway: Gateway) -> None:
    """Refuse a connection to an address that strangers reach, in a bare aiohttp, which listens anywhere.

    Raises:
        RefusalError: the address is not loopback, and no setting allows others.
    """
    transport = request.transport
    if transport is None or origin_of(request)[1] is not None or gateway.settings.may_be_public:
        return
    if not is_private(transport.get_extra_info("sockname")):
        raise RefusalError(403, "anonymous", "AUTH_MODE is none, and this is not loopback; see ALLOW_ANONYMOUS")


def origin_of(request: web.Request) -> tuple[str | None, PendingHandshake | None]:
    """The other end of a request's connection, and its `PendingHandshake`; None in a bare aiohttp."""
    transport = request.transport
    if transport is None:
        return None, None
    protocol = transport.get_protocol()
    if isinstance(protocol, PendingHandshake):
        return protocol.peer, protocol
    return peer_of(transport), None
