"""Who asks over plain HTTP: what the token of a request allows, and the address that pays for it."""

from aiohttp import web

from gateway.admission.admission import try_later, unauthorised
from gateway.admission.upgrade_request import bearer
from gateway.auth.grant import ANONYMOUS, Grant, RefusedError, TryLaterError
from gateway.gateway import Gateway
from gateway.http.upgrade import origin_of


async def grant_for(gateway: Gateway, request: web.Request) -> Grant:
    """What a request may see, where reading is all that it asks for.

    Raises:
        RefusalError: a token is needed, and it has none that opens anything, or that can be checked now.
    """
    if gateway.authenticator is None:
        return ANONYMOUS
    token = bearer(request.headers)
    if token is None and gateway.settings.auth_query_token:
        token = request.query.get("token")
    return await grant_of(gateway, token, payer_of(gateway, request))


async def grant_of(gateway: Gateway, token: str | None, payer: str | None) -> Grant:
    """What ``token`` allows; to check it is charged to ``payer``.

    Raises:
        RefusalError: there is none, or it opens nothing, or cannot be checked now.
    """
    if token is None:
        raise unauthorised("this is for who brings a token: Authorization: Bearer <token>", "bad_token")
    assert gateway.authenticator is not None
    try:
        with gateway.admission.charges.proof(payer):
            return await gateway.authenticator.verify(token)
    except RefusedError as error:
        raise unauthorised(str(error), error.code) from None
    except TryLaterError as error:
        raise try_later("the token cannot be checked now", error) from None


def payer_of(gateway: Gateway, request: web.Request) -> str | None:
    """The address that ``request`` is charged to; None for this machine itself."""
    return gateway.admission.payer(request.headers, origin_of(request)[0])
