"""Who may read, over plain HTTP."""

from aiohttp import web

from gateway.admission.upgrade_request import bearer
from gateway.auth.grant import ANONYMOUS, Grant
from gateway.gateway import Gateway
from gateway.http.bearers import grant_of

HOW = "Authorization: Bearer <token>"
"""How a token is shown."""


async def grant_for(request: web.Request, gateway: Gateway) -> Grant:
    """What a request may see, where reading is all that it asks for.

    Raises:
        RefusalError: a token is needed, and it has none that opens anything, or that can be checked now.
    """
    if gateway.authenticator is None:
        return ANONYMOUS
    token = bearer(request.headers)
    if token is None and gateway.settings.auth_query_token:
        token = request.query.get("token")
    return await grant_of(request, gateway, token, HOW)
