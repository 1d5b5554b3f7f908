"""A bench whose bus is one Kafka broker, in place of the embedded Valkey."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Final

from bench.host.processes import Process, ProcessError, wait_until
from bench.servers.rig import Rig
from bench.servers.server import HOST, free_port
from deploy.files import KAFKA

_READY_S: Final = 60.0


@contextmanager
def on_kafka(bench: Rig) -> Iterator[Rig]:
    """Start a broker on the core of the load, as `bench` has its bus; a program's CPU time is that of all its threads.

    Raises:
        ProcessError: there is no Java, no Kafka, or the broker did not become ready; the message has its last line.
    """
    with TemporaryDirectory(prefix="tickgate-bench-kafka-") as folder:
        port = free_port()
        command = ["sh", str(KAFKA), "run", folder, str(port), str(free_port())]
        with Process(command, bench.cores.load) as broker:
            if not wait_until(lambda: _takes(port) or not broker.alive(), _READY_S) or not _takes(port):
                raise ProcessError(f"Kafka was not ready within {_READY_S:g} s: {broker.complaint()}")
            made = Rig(port, broker.pid, bench.cores)
            made.bus_url = f"kafka://{HOST}:{port}/bench"
            made.publisher = ("bench.feed.bus_publisher", made.bus_url)
            yield made


def _takes(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
