"""Times out of an exchange's messages."""

import msgspec
import pytest

from poller.stream.timestamps import Timestamp, unix_us

SECOND_US = 1_773_682_606_000_000


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("2026-03-16T17:36:46Z", SECOND_US),
        ("2026-03-16T17:36:46.603368Z", SECOND_US + 603_368),
        ("2026-03-16T17:36:46.435813533Z", SECOND_US + 435_814),
        ("2026-03-16T18:36:46.5+01:00", SECOND_US + 500_000),
        ("1970-01-01T00:00:00.000001Z", 1),
    ],
)
def test_a_time_is_read_to_the_microsecond(text: str, expected_us: int) -> None:
    """However many digits there are, and whatever its zone."""
    assert expected_us == unix_us(msgspec.json.decode(f'"{text}"', type=Timestamp))


def test_a_time_without_a_zone_is_none() -> None:
    """Nobody can say when that is."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode('"2026-03-16T17:36:46"', type=Timestamp)
