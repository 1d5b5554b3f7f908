"""Which addresses only this machine reaches."""

import pytest

from market.settings.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.8.0.9", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("gateway.example", False), ("", False),  # noqa: S104
    ],
)  # fmt: skip
def test_loopback(host: str, *, expected: bool) -> None:
    """A name other than localhost may lead anywhere."""
    assert expected == is_loopback(host)
