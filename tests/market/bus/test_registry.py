"""Which implementation a URL names."""

import pytest

from market.bus import Bus, BusOptions, BusUrlError, open_bus, open_store
from market.bus.kafka.bus import KafkaBus
from market.bus.memory import MemoryBus
from market.bus.redis.bus import RedisBus
from market.bus.registry import SCHEMES
from tests.market.bus.implementations import ALSO_OPENED_BY, IMPLEMENTATIONS


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("kafka://127.0.0.1", KafkaBus),
        ("memory://", MemoryBus),
        ("redis://127.0.0.1/0", RedisBus),
        ("rediss://127.0.0.1", RedisBus),
        ("unix:///s", RedisBus),
        ("redis+sentinel://h,i/m/0", RedisBus),
    ],
)
def test_the_scheme_chooses(url: str, kind: type) -> None:
    """Each scheme opens its implementation, without a connection."""
    assert kind is type(open_bus(url))


def test_every_implementation_has_its_contract_suite() -> None:
    """Every scheme has its contract suite, or is declared equal to another."""
    assert SCHEMES.keys() == IMPLEMENTATIONS.keys() | ALSO_OPENED_BY.keys()
    assert all(SCHEMES[scheme] == SCHEMES[same] for scheme, same in ALSO_OPENED_BY.items())


async def test_a_bus_plays_the_four_roles(any_bus: Bus) -> None:
    """Every implementation has a name without secrets and all four roles."""
    assert any_bus.name
    for role in (any_bus.broker, any_bus.last_values, any_bus.tickets, any_bus.leadership):
        assert role is not None


@pytest.mark.parametrize(
    "url", ["", "redis", "memory", "memory:/", "memory://x", "http://127.0.0.1:6379", "sesame://x"]
)
def test_a_url_of_no_bus(url: str) -> None:
    """A URL without an implementation is refused with the right form, and is not shown."""
    with pytest.raises(BusUrlError, match=r"write redis://|write memory://") as refusal:
        open_bus(url)
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["valkey", "http", "REDIS", "sesame", ""])
def test_another_scheme_is_told_which_there_are(scheme: str) -> None:
    """Well-known schemes are named in the error; anything else may be a part of a secret."""
    with pytest.raises(
        BusUrlError, match=r"redis://host:port/db, rediss:// .*redis\+sentinel:.*redis\+cluster:.*kafka:.*memory://"
    ) as no:
        open_bus(f"{scheme}://:sesame@host:1/0")
    assert "sesame" not in str(no.value)
    assert ("scheme" in str(no.value)) == (scheme in {"valkey", "http"})


@pytest.mark.parametrize("url", ["kafka://h", "memory://", "sesame", "redis://:sesame@h:1/x"])
def test_a_store_is_a_redis(url: str) -> None:
    """Nothing else has leases and tickets; the message does not show the URL."""
    with pytest.raises(BusUrlError, match=r"redis://host:port/db") as refusal:
        open_store(url)
    assert "sesame" not in str(refusal.value)


def test_options_show_no_url() -> None:
    """It may hold a password."""
    assert "sesame" not in repr(BusOptions(store_url="redis://:sesame@h"))
