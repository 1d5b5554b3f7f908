"""Where the primary is: by the URL's scheme."""

import pytest

from market.bus.redis.connection.primary import FixedPrimary, primary_of
from market.bus.redis.connection.sentinel.primary import SentinelPrimary


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("redis://h", FixedPrimary, "redis h:6379 db 0"),
        ("rediss://h/1", FixedPrimary, "redis h:6379 db 1"),
        ("unix:///s", FixedPrimary, "redis /s db 0"),
        ("redis+sentinel://h,i:1/m/2", SentinelPrimary, "redis+sentinel h:26379,i:1/m db 2"),
        ("rediss+sentinel://h/m", SentinelPrimary, "redis+sentinel h:26379/m db 0"),
    ],
)
async def test_the_scheme_says_how_it_is_found(url: str, kind: type, name: str) -> None:
    """Nothing is connected yet, and what was never used can be closed."""
    primary = primary_of(url, lambda reason: None)
    assert (kind, name) == (type(primary), primary.name)
    assert primary.not_in_time()
    await primary.aclose()
