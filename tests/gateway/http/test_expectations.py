"""What a stranger expects of a gateway, which makes no difference to its answer."""

import logging

import pytest

from gateway.auth.settings import AuthSettings
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import Start, ask

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)


@pytest.mark.parametrize("expect", [b"100-continue", b"the impossible", b"\xff", b"x\r\nExpect: y"])
async def test_expectations_are_overlooked(start: Start, caplog: pytest.LogCaptureFixture, expect: bytes) -> None:
    """The answer is the one that it would be without, for what is there and for what is not."""
    running = await start()
    for path, status in ((b"healthz", b" 200 "), (b"nothing", b" 404 ")):
        head = b"GET /" + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: " + expect + b"\r\n\r\n"
        answer = await ask(running, head)
        assert status in answer.partition(b"\r\n")[0]
        assert b"417" not in answer
    assert [] == [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_no_expectation_shows_an_answer_to_a_foreign_page(start: Start) -> None:
    """Who asks is looked at first."""
    running = await start(auth=JWT)
    head = f"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token('HS256', SECRET)}"
    answer = await ask(running, f"{head}\r\nOrigin: http://evil.example\r\nExpect: x\r\n\r\n".encode())
    assert b" 403 " in answer.partition(b"\r\n")[0]
    assert b"evil" not in answer
