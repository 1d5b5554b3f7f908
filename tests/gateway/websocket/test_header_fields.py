"""Header fields whose value is a list."""

import pytest
from multidict import CIMultiDict

from gateway.websocket.header_fields import asks_for_websocket, elements, has_token


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), []),
        (("a",), ["a"]),
        (("a, b",), ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        (("a ,\tb", " c,d "), ["a", "b", "c", "d"]),
        (("", ",", "a,,b", " , "), ["a", "b"]),
    ],
)
def test_a_list_may_come_in_several_lines(lines: tuple[str, ...], expected: list[str]) -> None:
    """Its elements are those of all lines, in their order; empty ones do not count."""
    assert expected == elements(CIMultiDict([("X-List", line) for line in lines] + [("Other", "z")]), "x-list")


def test_tokens_are_compared_as_a_whole() -> None:
    """Tokens are compared without case, and as a whole."""
    headers = CIMultiDict([("Connection", "keep-alive"), ("Connection", "TE, UpGrade")])
    assert has_token(headers, "Connection", "upgrade")
    for other in ("grade", "keep", "te, upgrade", ""):
        assert not has_token(headers, "Connection", other), other


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Upgrade", "websocket"), ("Connection", "Upgrade")], True),
        ([("Upgrade", "h2c"), ("Upgrade", "WebSocket"), ("Connection", "close"), ("Connection", "upgrade")], True),
        ([("Upgrade", "websocket")], False),
        ([("Connection", "Upgrade")], False),
        ([("Upgrade", "websocket/13"), ("Connection", "Upgrade")], False),
        ([("Upgrade", "websocket"), ("Connection", "upgrade-insecure")], False),
    ],
)
def test_a_websocket_is_asked_for_by_both_headers(headers: list[tuple[str, str]], expected: bool) -> None:
    """Both headers must have their token."""
    assert expected == asks_for_websocket(CIMultiDict(headers))
