"""A real Kafka broker for tests, and many topics on it. Where there is no Java, the tests that need one are skipped."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex

import pytest

from deploy.ports import free_port

SCRIPT = Path(__file__).parent.parent / "deploy" / "kafka.sh"
READY_S = 120


def require_kafka() -> None:
    """Skip the test if Kafka cannot be run here; fail it in CI, which installs what it needs."""
    reason = "" if shutil.which("java") else "Kafka needs Java; Debian: apt-get install default-jre-headless"
    if not reason:
        fetched = subprocess.run([str(SCRIPT), "fetch"], capture_output=True, text=True, check=False)
        reason = fetched.stderr.strip()[-300:] if fetched.returncode else ""
    if not reason:
        try:
            import confluent_kafka  # noqa: F401 - whether it is there
        except ModuleNotFoundError:
            reason = "Kafka needs confluent-kafka; pip install 'tickgate[kafka]'"
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class KafkaNode:
    """One broker on one port of 127.0.0.1, which it keeps however often it is stopped and started."""

    def __init__(self, folder: Path, port: int, *, properties: str = "", storage: str = "") -> None:
        """Keep data in ``folder``. ``properties`` replace the settings of ``deploy/kafka.sh`` for a single node.

        ``storage`` has further arguments of the tool that prepares the folder.
        """
        self.folder = folder
        self.port = port
        self._storage = storage
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if properties:
            (folder / "server.properties").write_text(properties)
        self._controller = 0 if properties else free_port()

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._process is not None, "the broker does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it with what its folder holds. It may not take connections yet; see `until_ready`."""
        ports = [str(self.port), str(self._controller)] if self._controller else []
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [str(SCRIPT), "run", str(self.folder), *ports],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "KAFKA_FORMAT": self._storage},
                start_new_session=True,
            )

    def until_ready(self) -> None:
        """Wait until it takes connections."""
        until = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log.txt").read_text()
            assert time.monotonic() < until, "the broker does not become ready"
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.killpg(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait for its end; what it holds stays. Does nothing if it does not run."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
                self.send(number)
            self._process.wait(READY_S)
            self._process = None

    def leave(self) -> None:
        """Let it run on when this process has ended."""
        if self._process is not None:
            self._process.returncode = 0


@contextlib.contextmanager
def node(folder: Path) -> Iterator[KafkaNode]:
    """A single broker that is ready, for one test alone."""
    require_kafka()
    its = KafkaNode(folder, free_port())
    try:
        its.start()
        its.until_ready()
        yield its
    finally:
        its.stop()


class SharedKafka:
    """One broker for all tests of a run that only need topics of their own, whichever of its processes they run in."""

    def __init__(self, folder: Path) -> None:
        """Workers of one run have the same ``folder``."""
        self._folder = folder
        self._state = folder / "kafka.json"
        self._ours: KafkaNode | None = None

    def port(self) -> int:
        """The port of the broker, which is started by the first one to ask."""
        with (self._folder / "kafka.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._state.exists():
                self._ours = its = KafkaNode(self._folder / "kafka", free_port())
                its.start()
                self._state.write_text(json.dumps({"port": its.port, "pid": its.pid}))
                its.until_ready()
            return int(json.loads(self._state.read_text())["port"])

    def leave(self) -> None:
        """Forget the broker, which runs on for others."""
        if self._ours is not None:
            self._ours.leave()

    def stop(self) -> None:
        """End it if it was started."""
        if self._ours is not None:
            self._ours.stop()
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(json.loads(self._state.read_text())["pid"], signal.SIGKILL)


def fresh_url(port: int) -> str:
    """A URL with topics of its own, which do not exist yet."""
    return f"kafka://127.0.0.1:{port}/t{token_hex(6)}"


def three_nodes(folder: Path) -> list[KafkaNode]:
    """Three brokers of one cluster, not started: each topic of ours has a copy on each. Two may go on without one."""
    places = [("127.0.0.1", free_port(), free_port()) for _ in range(3)]
    nodes = []
    for number, (_, port, _) in enumerate(places, 1):
        place = folder / f"node{number}"
        nodes.append(KafkaNode(place, port, properties=properties_of_three(number, places, place)))
    return nodes


def properties_of_three(number: int, places: Sequence[tuple[str, int, int]], folder: Path) -> str:
    """The settings of a broker of a cluster, by its number from 1 on.

    ``places`` has the address, the port for clients and the controller's port of each. Data are kept in ``folder``.
    """
    host, port, controller = places[number - 1]
    voters = ",".join(f"{its}@{its_host}:{its_port}" for its, (its_host, _, its_port) in enumerate(places, 1))
    settings = {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder / "log",
        "auto.create.topics.enable": "false",
        "default.replication.factor": 3,
        "min.insync.replicas": 2,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.num.partitions": 1,
        # A dead broker is found out after this; by default it takes nine seconds.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        "num.network.threads": 1,
        "num.io.threads": 2,
        "background.threads": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 4_194_304,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[list[KafkaNode]]:
    """Three brokers that are ready, for one test alone."""
    require_kafka()
    nodes = three_nodes(folder)
    try:
        for its in nodes:
            its.start()
        for its in nodes:
            its.until_ready()
        yield nodes
    finally:
        for its in nodes:
            its.stop()
