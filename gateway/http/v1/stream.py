"""Ticks as server-sent events: ``GET /v1/stream``. From the request to a client that stays."""

import asyncio
from typing import Final

from aiohttp import hdrs, web

from gateway.admission.admission import unauthorised
from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant
from gateway.client.session import Outcome, Session
from gateway.client.stream_client import StreamClient
from gateway.client.welcome import new_id
from gateway.errors import RefusalError
from gateway.events.head import head
from gateway.events.stream import EventStream
from gateway.gateway import Gateway
from gateway.http.upgrade import origin_of, require_private, take_in
from gateway.http.v1.query import STREAM, for_http, read_query
from gateway.protocol.event_encoding import EVENTS
from gateway.protocol.messages import Error, Subscribe
from gateway.websocket.handshake import NO_HANDSHAKE

LAST_EVENT_ID: Final = "Last-Event-ID"

_PER_TOKEN: Final = 5
"""So many tokens of a message's cost are one of a request's: see `gateway.client.costs`."""


async def open_stream(gateway: Gateway, request: web.Request) -> web.StreamResponse:
    """Answer a request for events, and take its connection from aiohttp.

    Raises:
        RefusalError: it is refused.
    """
    require_private(request, gateway)
    command = read_query(request.query, STREAM, request.headers.get(LAST_EVENT_ID))
    peer, pending = origin_of(request)
    wanted = gateway.admission.look_at(NO_HANDSHAKE, request.headers, request.query, peer, counted=pending is not None)
    answer_head = head(request.headers.get(hdrs.ORIGIN), secure=request.secure)
    obeyed: list[tuple[Session, Outcome]] = []

    def require(grant: Grant | None) -> None:
        obeyed.append(_obeyed(gateway, command, _required(grant), wanted.payer))

    def make(
        transport: asyncio.Transport, upgrade_request: UpgradeRequest, grant: Grant | None, slot: Slot
    ) -> EventStream:
        ((session, outcome),) = obeyed
        try:
            client = StreamClient(
                new_id(), gateway, transport, session, _required(grant), slot, upgrade_request.address
            )
        except BaseException:
            gateway.admission.leave(slot)
            raise
        # Before anything is written: the stream must hear what the kernel does not take.
        transport.set_protocol(client.connection)
        client.begin(answer_head, outcome)
        return client.connection

    return await take_in(request, gateway, wanted, require, make)


def _required(grant: Grant | None) -> Grant:
    if grant is None:
        how = "Authorization: Bearer <token>, or ?ticket= of POST /v1/ticket"
        raise unauthorised(f"this is for who brings a token: {how}", "bad_token")
    return grant


def _obeyed(gateway: Gateway, command: Subscribe, grant: Grant, payer: str | None) -> tuple[Session, Outcome]:
    session = Session(gateway.settings.symbols, gateway.limits, EVENTS, now_us=gateway.now_us, grant=grant)
    gateway.admission.charges.take(payer, session.cost(command) // _PER_TOKEN)
    outcome = session.obey(command)
    gateway.admission.charges.take(payer, outcome.tokens // _PER_TOKEN)
    for reply in outcome.replies:
        if isinstance(reply, Error):
            raise _refusal(reply)
    return session, outcome


def _refusal(error: Error) -> RefusalError:
    match error.code:
        case "unknown_symbol":
            return RefusalError(404, "unknown_symbol", for_http(error.message))
        case "forbidden":
            return RefusalError(403, "forbidden", error.message)
        case "too_many_symbols":
            return RefusalError(400, "too_many_symbols", error.message)
        case _:
            return RefusalError(400, "bad_query", error.message)
