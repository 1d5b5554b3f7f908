"""A connection, with the password of its moment."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from market.bus import BusDownError, open_bus
from tests.market.bus.using import publish
from tests.market.samples import tick
from tests.valkey import Valkey

FIRST, SECOND = "the-first-sesame", "the-second-sesame"


async def test_a_password_that_has_changed_is_used_by_the_next_connection(tmp_path: Path) -> None:
    """Nothing has to be started again, and no signal is needed; no message shows either."""
    valkey = Valkey()
    valkey.start()
    path = tmp_path / "bus password"
    path.write_text(FIRST + "\n")
    bus = open_bus(f"{valkey.url}?password_file={quote(str(path), safe='')}")
    async with Redis(port=valkey.port) as server:
        await server.config_set("requirepass", FIRST)
        await publish(bus, [tick()])
        await server.config_set("requirepass", SECOND)
        # Those that are open stay.
        await publish(bus, [tick(seq=2)])
        await server.client_kill_filter(skipme=True)
        # The first use finds that its connection is closed, unless that was noticed before.
        with suppress(BusDownError):
            await publish(bus, [tick(seq=3)])
        with pytest.raises(BusDownError, match="refused user or password") as refused:
            await publish(bus, [tick(seq=3)])
        assert "sesame" not in str(refused.value)
        path.unlink()
        with pytest.raises(BusDownError, match="file of its password cannot be read"):
            await publish(bus, [tick(seq=3)])
        path.write_text(SECOND)
        await publish(bus, [tick(seq=3)])
    await bus.aclose()
    valkey.stop()
    assert "sesame" not in repr(bus)
