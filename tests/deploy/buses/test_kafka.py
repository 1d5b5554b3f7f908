"""A broker of Kafka and its store, as the launcher plans them."""

import asyncio
import os

import pytest

from deploy.buses.kafka import kafka
from deploy.errors import DeployError
from tests.kafka import require_kafka


async def test_broker_and_store() -> None:
    """Programs find both by their URLs, and nothing of the broker is left behind."""
    require_kafka()
    servers = kafka({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    broker, store = servers
    assert f"kafka://{broker.listens[0]}" == servers.variables["BUS_URL"]
    assert f"redis://{store.listens[0]}/0" == servers.variables["STORE_URL"]
    assert await asyncio.to_thread(os.path.isdir, broker.command[3])
    await servers.prepare(lambda _name, _line: None)
    for _ in range(2):
        servers.clean_up()
    assert not await asyncio.to_thread(os.path.exists, broker.command[3])


async def test_without_java_it_is_refused() -> None:
    """The message says how to install it."""
    servers = kafka({"PATH": "/nowhere"})
    try:
        with pytest.raises(DeployError, match=r"needs Java 17 or newer; install it|needs confluent-kafka"):
            await servers.prepare(lambda _name, _line: None)
    finally:
        servers.clean_up()
