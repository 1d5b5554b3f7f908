"""Binance's streams and REST over HTTP: finds out that a request is for them, and answers it."""

from typing import Final

import msgspec
from aiohttp import hdrs, web
from multidict import MultiDict

from gateway.admission.admission import unauthorised
from gateway.admission.upgrade_request import bearer
from gateway.auth.grant import ANONYMOUS, Grant
from gateway.binance.commands import BAD_REQUEST
from gateway.binance.endpoint import Endpoint
from gateway.binance.requests import BAD_COMBINATION, ApiError
from gateway.binance.rest import Api, Question
from gateway.binance.target import PREFIX, REST_PATH, BadTargetError, Target, is_stream_path, parse
from gateway.errors import RefusalError
from gateway.gateway import Gateway
from gateway.http.bearers import grant_of, payer_of
from gateway.http.directions import other_methods, require_upgrade
from gateway.http.upgrade import upgrade

HOW: Final = "Authorization: Bearer <token>, or ?token=<token> if AUTH_QUERY_TOKEN is 1"
"""How clients of Binance's streams show a token."""

FOR_PAGES: Final = web.RequestKey("for_pages", bool)
"""In a request: whether pages of other allowed origins may read the answer."""

API_KEY: Final = "X-MBX-APIKEY"
TIME_UNIT: Final = "X-MBX-TIME-UNIT"
USED_WEIGHT: Final = "X-MBX-USED-WEIGHT-1M"

HOW_BY_REST: Final = f"{API_KEY}: <token>, where clients write their API key; {HOW}"
"""How those of its REST do: they send their key with every request."""

_FIRST: Final = '{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}'
"""What to send first to see prices."""

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": hdrs.METH_GET,
    "Access-Control-Allow-Headers": f"Authorization, {API_KEY}, {TIME_UNIT}",
}
"""For pages of allowed origins, before they send one of these headers (Fetch standard, CORS protocol)."""

_encode = msgspec.json.Encoder().encode


class Binance:
    """What a gateway has for clients of Binance."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.endpoint = Endpoint(gateway)
        self._api = Api(gateway, self.endpoint)

    def path_of(self, request: web.Request) -> str | None:
        """The path of a request for Binance, without prefix; None of any other."""
        path = request.rel_url.raw_path
        if path.startswith(f"{PREFIX}/"):
            return path.removeprefix(PREFIX)
        if self._gateway.settings.binance.names(request.headers.get(hdrs.HOST, "")) and (
            is_stream_path(path) or path.startswith(REST_PATH)
        ):
            return path
        return None

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        """The answer to a request for ``path``, as `path_of` returned it."""
        is_rest = path.startswith(REST_PATH)
        request[FOR_PAGES] = is_rest
        if request.method == hdrs.METH_OPTIONS and is_rest:
            return web.Response(status=204, headers=_PREFLIGHT)
        if request.method != hdrs.METH_GET:
            raise other_methods([hdrs.METH_GET, hdrs.METH_OPTIONS] if is_rest else [hdrs.METH_GET])
        if is_rest:
            return await self._rest(request, path.removeprefix(REST_PATH))
        if is_stream_path(path):
            require_upgrade(request, _FIRST)
            return await self._stream(request, path)
        raise RefusalError(404, "not_found", f"nothing is here; {PREFIX} has /ws, /stream and {REST_PATH}")

    async def _stream(self, request: web.Request, path: str) -> web.StreamResponse:
        try:
            target = parse(path, request.rel_url.raw_query_string)
        except BadTargetError as error:
            raise ApiError(BAD_COMBINATION, str(error)) from None
        return await upgrade(
            request,
            self._gateway,
            query=MultiDict(target.query),
            require=lambda grant: self._require(target, grant),
            make=lambda transport, asked, grant, slot: self.endpoint.begin(
                transport, asked, target, grant or ANONYMOUS, slot
            ),
        )

    def _require(self, target: Target, grant: Grant | None) -> None:
        """Let a client in whose token allows all the streams of ``target``.

        Raises:
            RefusalError: it has no token where one is needed, or there is no such stream.
        """
        if grant is None:
            raise unauthorised(f"a token is needed here: {HOW}", "bad_token")
        _, problem = self.endpoint.session(target, grant).add(target.names)
        if problem:
            raise ApiError(BAD_REQUEST, f"Invalid request: {problem}")

    async def _rest(self, request: web.Request, path: str) -> web.Response:
        gateway, headers, query = self._gateway, request.headers, request.query
        payer = payer_of(request, gateway)
        used = self._api.charge(path, query, payer)
        grant = ANONYMOUS
        if gateway.authenticator is not None:
            in_url = query.get("token") if gateway.settings.auth_query_token else None
            token = bearer(headers) or headers.get(API_KEY) or in_url
            grant = await grant_of(request, gateway, token, HOW_BY_REST)
        micro = headers.get(TIME_UNIT, "").upper() == "MICROSECOND"
        own = {USED_WEIGHT: str(used), hdrs.CACHE_CONTROL: "no-store"}
        try:
            answer = await self._api.answer(Question(path, query, grant, micro=micro))
        except ApiError as error:
            error.headers = own
            raise
        return web.Response(body=_encode(answer), content_type="application/json", charset="utf-8", headers=own)
