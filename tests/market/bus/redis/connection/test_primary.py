"""Where the primary is: by the URL's scheme."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.redis.connection import dial
from market.bus.redis.connection.primary import FixedPrimary, primary_of
from market.bus.redis.connection.sentinel.primary import SentinelPrimary
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.serving import serving
from tests.valkey import Valkey


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


@pytest.mark.parametrize("answers", ["with silence", "with an end"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_tls_is_no_reason_where_the_server_was_reached(
    valkey: Valkey, tmp_path: Path, tls: bool, answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a partition, or behind a proxy whose server is gone, no hint at the scheme of `BUS_URL`."""
    made = Certificates(tmp_path)
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1")) as front:
        port = front if tls else valkey.port
        place = f"127.0.0.1:{port}"
        primary = FixedPrimary(f"rediss://{place}?ssl_ca_certs={made.ca_file}" if tls else f"redis://{place}")
        await (await primary.dial(0)).disconnect()
    valkey.stop()
    served = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answers == "with silence":
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.set()

    monkeypatch.setattr(dial, "ANSWER_TIMEOUT_S", 0.1)
    async with serving(hear, port=port):
        with pytest.raises(RedisConnectionError) as failed:
            await primary.dial(0)
        await served.wait()
    assert str(failed.value).startswith(f"{place} ")
    assert "TLS" not in str(failed.value)
    assert "BUS_URL" not in str(failed.value)
