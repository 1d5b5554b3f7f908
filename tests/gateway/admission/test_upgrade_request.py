"""What a request for a WebSocket asks for."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.admission.upgrade_request import bearer


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("BEARER abc", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ],
)
def test_a_bearer_token_is_found_whatever_the_case(value: str, token: str | None) -> None:
    """The scheme is compared without case (RFC 9110, section 11.1)."""
    assert token == bearer(CIMultiDictProxy(CIMultiDict(Authorization=value)))


def test_without_the_header_there_is_no_token() -> None:
    """Without the header there is no token."""
    assert bearer(CIMultiDictProxy(CIMultiDict(Cookie="Bearer abc"))) is None
