"""Times in an exchange's messages, in the format of RFC 3339, such as ``2026-03-16T17:36:46.603368Z``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta

Timestamp = Annotated[datetime, Meta(tz=True)]
"""The type of such a field; digits below the microsecond are rounded."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)


def unix_us(time: Timestamp) -> int:
    """Microseconds since the Unix epoch, exactly."""
    return (time - _EPOCH) // _US
