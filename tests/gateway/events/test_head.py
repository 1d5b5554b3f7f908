"""The head of a stream."""

from email.parser import BytesParser

from gateway.events.head import head


def test_nothing_on_the_way_may_keep_it() -> None:
    """No cache, no compression, no buffer of NGINX; and it has no length."""
    line, _, fields = head(None, secure=False).partition(b"\r\n")
    assert b"HTTP/1.1 200 OK" == line
    told = BytesParser().parsebytes(fields)
    assert "text/event-stream" == told["Content-Type"]
    assert ("no-store, no-transform", "no") == (told["Cache-Control"], told["X-Accel-Buffering"])
    assert ("close", None, None) == (told["Connection"], told["Content-Length"], told["Transfer-Encoding"])
    assert (None, None) == (told["Access-Control-Allow-Origin"], told["Strict-Transport-Security"])


def test_a_page_may_read_it_and_browsers_keep_to_tls() -> None:
    """Each only where it applies."""
    told = BytesParser().parsebytes(head("https://app.example", secure=True).partition(b"\r\n")[2])
    assert ("https://app.example", "Origin") == (told["Access-Control-Allow-Origin"], told["Vary"])
    assert "max-age=31536000" == told["Strict-Transport-Security"]
