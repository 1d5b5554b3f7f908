"""The image of ``deploy/docker/Dockerfile``, built and run without Docker: see ``tests/integration/image.py``."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSMsgType

from deploy.ports import free_port
from tests.deploy.test_docker import arguments
from tests.integration.image import Image, container, works
from tests.integration.stacks import answers
from tests.valkey import Valkey

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long("deploy", "gateway", "market", "poller", "setup.cfg"),
    pytest.mark.skipif(not works(), reason="needs bubblewrap, and the right to make namespaces"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Give the image, built once."""
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[dict[Path, str]]:
    """Give a file with the address of a bus that wants a password."""
    valkey = Valkey(user="prices on >s3cret-of-the-bus ~* &* +@all")
    valkey.start()
    file = tmp_path / "tickgate.conf"
    file.write_text(f"BUS_URL=redis://prices:s3cret-of-the-bus@127.0.0.1:{valkey.port}/0\n", encoding="utf-8")
    file.chmod(0o400)
    yield {file: "/run/secrets/tickgate.conf"}
    valkey.stop()


def health(image: Image, role: str, variables: dict[str, str], files: dict[Path, str]) -> int:
    """The exit code of the image's health check, for one of the two programs."""
    words = json.loads(arguments("HEALTHCHECK")[0].partition(" CMD ")[2])
    command = image.command([*words[:-1], role], variables, files)
    return subprocess.run(command, check=False, timeout=30).returncode


async def test_two_containers_serve_prices_and_drain(image: Image, secrets: dict[Path, str]) -> None:
    """Nothing is written, the bus's password comes from a file, and each program is process 1, as in Docker."""
    common = {"TICKGATE_CONFIG": "/run/secrets/tickgate.conf", "SYMBOLS": "BTCUSDT"}
    ours = {**common, "GATEWAY_PORT": str(free_port()), "ALLOW_ANONYMOUS": "1", "DRAIN_SECONDS": "1"}
    theirs = {**common, "FEED": "simulated", "POLLER_METRICS_PORT": str(free_port())}
    address = f"127.0.0.1:{ours['GATEWAY_PORT']}"
    assert await asyncio.to_thread(health, image, "gateway", ours, secrets) == 1
    async with (
        container(image, "poller", theirs, secrets) as poller,
        container(image, json.loads(arguments("CMD")[0])[0], ours, secrets) as gateway,
        ClientSession() as session,
    ):
        await answers(f"http://{address}/readyz", 200)
        async with session.ws_connect(f"ws://{address}/ws") as socket:
            await socket.send_json({"type": "subscribe", "symbols": ["BTCUSDT"]})
            async with asyncio.timeout(30):
                while (await socket.receive_json())["type"] != "tick":
                    pass
            assert await asyncio.to_thread(health, image, "gateway", ours, secrets) == 0
            assert await asyncio.to_thread(health, image, "poller", theirs, secrets) == 0
            stopped = asyncio.create_task(gateway.stop())
            async with asyncio.timeout(30):
                while (message := await socket.receive()).type is WSMsgType.TEXT:
                    pass
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
            assert await stopped == 0
        assert await poller.stop() == 0


def test_nothing_that_installs_is_left(image: Image) -> None:
    """No pip in the image."""
    command = image.command(["python", "-c", "import pip"], {}, {})
    assert subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 1
    command = image.command(["python", "-c", "import gateway; open('/opt/tickgate/x', 'w')"], {}, {})
    refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert "Read-only file system" in refused.stderr
