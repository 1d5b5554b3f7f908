"""One broker of Apache Kafka, and a Valkey server as the store for leases and tickets, both empty at every start."""

import asyncio
import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from deploy import files
from deploy.buses.servers import BusServers
from deploy.buses.valkey import HOST, server
from deploy.errors import DeployError
from deploy.ports import Address, free_port
from deploy.process.processes import Say
from deploy.process.program import Program


def kafka(environ: Mapping[str, str]) -> BusServers:
    """Broker and store. ``environ`` is their environment.

    Raises:
        DeployError: there is no Valkey to start.
    """
    broker, controller, store = (Address(HOST, free_port(), name) for name in ("BUS_URL", "BUS_URL", "STORE_URL"))
    return _Kafka(broker, controller, store, environ)


class _Kafka(BusServers):
    """A broker keeps its data in a folder, which goes with it."""

    def __init__(self, broker: Address, controller: Address, store: Address, environ: Mapping[str, str]) -> None:
        self._folder = Path(mkdtemp(prefix="tickgate-kafka-"))
        self._environ = environ
        program = Program(
            name="kafka",
            # Not the script itself: an installed one may have lost its right to be executed.
            command=("sh", str(files.KAFKA), "run", str(self._folder), str(broker.port), str(controller.port)),
            env=environ,
            listens=(broker, controller),
        )
        variables = {"BUS_URL": f"kafka://{broker}", "STORE_URL": f"redis://{store}/0"}
        super().__init__(((program, server("store", store, environ)),), variables)

    async def prepare(self, say: Say) -> None:
        """Fetch Kafka if it is not here yet."""
        if importlib.util.find_spec("confluent_kafka") is None:
            raise DeployError("BUS=kafka needs confluent-kafka; pip install 'tickgate[kafka]'")
        if shutil.which("java", path=self._environ.get("PATH")) is None:
            text = "BUS=kafka needs Java 17 or newer; install it (Debian: apt-get install default-jre-headless)"
            raise DeployError(text)
        say("deploy", "Apache Kafka begins; its jars are fetched if they are not here yet")
        process = await asyncio.create_subprocess_exec(
            *("sh", str(files.KAFKA), "fetch"),
            env=dict(self._environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise DeployError(" ".join(said.decode(errors="replace").split()))

    def clean_up(self) -> None:
        """Remove what the broker has kept."""
        shutil.rmtree(self._folder, ignore_errors=True)
