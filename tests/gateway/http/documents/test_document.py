"""Documents as they are served."""

import pytest
from msgspec.json import decode as loads

from gateway.admission.origin import AllowedOrigins
from gateway.http.documents.asyncapi import asyncapi
from gateway.http.documents.openapi import openapi
from tests.gateway.conftest import Start
from tests.gateway.http.test_routes import JWT, PAGE, ask


@pytest.mark.parametrize(("path", "made"), [("openapi.json", openapi()), ("asyncapi.json", asyncapi())])
async def test_each_is_served_as_it_was_made(start_anyhow: Start, path: str, made: object) -> None:
    """To anybody, for nothing of it is secret; pages of allowed origins may read it. What a client has is not sent."""
    running = await start_anyhow(auth=JWT, allowed_origins=AllowedOrigins.parse(PAGE))
    status, headers, body = await ask(running, "GET", path, Origin=PAGE)
    assert (200, "application/json", made) == (status, headers["Content-Type"], loads(body))
    assert PAGE == headers["Access-Control-Allow-Origin"]
    status, _, body = await ask(running, "GET", path, If_None_Match=headers["Etag"])
    assert (304, b"") == (status, body)
