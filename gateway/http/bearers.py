"""What the bearer of a token may do, for requests over plain HTTP."""

from aiohttp import web

from gateway.admission.admission import try_later, unauthorised
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.gateway import Gateway
from gateway.http.upgrade import origin_of


def payer_of(request: web.Request, gateway: Gateway) -> str | None:
    """The address that a request is charged to; None if it is not charged."""
    return gateway.admission.payer(request.headers, origin_of(request)[0])


async def grant_of(request: web.Request, gateway: Gateway, token: str | None, how: str) -> Grant:
    """What ``token``, which came with a request, allows. ``how`` says how one is brought.

    Raises:
        RefusalError: there is none, or one that opens nothing, or that cannot be told now.
    """
    if token is None:
        raise unauthorised(f"this is for who brings a token: {how}", "bad_token")
    assert gateway.authenticator is not None
    try:
        with gateway.admission.charges.proof(payer_of(request, gateway)):
            return await gateway.authenticator.verify(token)
    except RefusedError as error:
        raise unauthorised(str(error), error.code) from None
    except TryLaterError as error:
        raise try_later("the token cannot be checked now", error) from None
