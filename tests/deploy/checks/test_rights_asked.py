"""What a user may do, asked of a server. ``test_bus.py`` asks real ones for each right."""

from deploy.checks.rights_asked import check_replicas, check_rights
from deploy.ports import free_port
from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address
from tests.valkey import Valkey


async def test_a_server_that_does_not_tell_rights() -> None:
    """One older than Redis 7.0 has no such function; its own user may do everything anyway."""

    async def marks(user: str) -> list[str]:
        return [its.mark async for its in check_rights(Old(), user, [])]

    assert ["ok"] == await marks("default")
    assert ["warning"] == await marks("prices")


class Old:
    """An old server, whose script answers nil."""

    async def ask(self, *words: str | bytes | int) -> None:
        return None


async def test_a_replica_that_could_not_take_over(valkey: Valkey) -> None:
    """One that is not there, or has another password, is named before a failover needs it."""
    nowhere = Address("127.0.0.1", free_port())
    url = parse_sentinel_url("redis+sentinel://prices:sesame@h/m/0")
    dead, locked = await check_replicas(url, [nowhere, Address("127.0.0.1", valkey.port)], [])
    assert ("warning", "warning") == (dead.mark, locked.mark)
    assert str(nowhere) in dead.text
    assert "refused user or password" in locked.text
    assert "sesame" not in dead.line + locked.line
