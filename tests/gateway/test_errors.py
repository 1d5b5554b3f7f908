"""Why somebody is not let in."""

import json

from gateway.errors import RefusalError


def test_a_refusal_says_what_is_wrong_and_its_word_is_its_code() -> None:
    """Where the client is to be told more than the metrics, it has a code of its own."""
    refusal = RefusalError(403, "origin", "not from there")
    assert ("not from there", 403, "origin", "origin", {}) == (
        str(refusal),
        refusal.status,
        refusal.reason,
        refusal.code,
        refusal.headers,
    )
    assert "expired" == RefusalError(401, "token", "too old", code="expired").code


def test_the_whole_answer_says_why_and_that_the_connection_ends() -> None:
    """JSON, as everywhere, with the headers of its own; and no version of anything."""
    answer = RefusalError(431, "too_large", 'so "large"', {"Retry-After": "1"}).to_http()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert "HTTP/1.1 431 Request Header Fields Too Large" == lines[0]
    fields = dict(line.split(": ") for line in lines[1:])
    assert {"error": 'so "large"', "code": "too_large"} == json.loads(body)
    assert fields == {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Server": "tickgate",
        "Retry-After": "1",
    }


def test_who_has_to_connect_again() -> None:
    """After what costs work, and after what cannot be read to its end; not after a mere mistake."""
    ended = {
        status
        for status in (400, 401, 403, 404, 413, 426, 429, 431, 503)
        if RefusalError(status, "x", "y").ends_connection
    }
    assert {401, 413, 429, 431} == ended
