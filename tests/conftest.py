"""What several test folders share, and how tests share the machine."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import settings

from market.settings import early
from tests import side_by_side
from tests.kafka import SharedKafka, require_kafka
from tests.long_runs import LongRuns
from tests.measured import Measuring
from tests.own_time import OwnTimeLoop
from tests.sentinel import Sentinels, running
from tests.valkey import Valkey
from tests.valkey_cluster import NEVER_MS, ValkeyCluster

# How long an example takes is for no test to judge.
settings.register_profile("tickgate", deadline=None)
# For who has changed what such a test is about: --hypothesis-profile thorough.
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("tickgate")

TURNS = pytest.StashKey[side_by_side.Turns]()
FOLDER = pytest.StashKey[TemporaryDirectory[str]]()
"""Where the workers of one run take their turns."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` is."""
    return side_by_side.worker_count()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where turns are taken."""
    if FOLDER not in node.config.stash:
        node.config.stash[FOLDER] = TemporaryDirectory(prefix="tickgate-turns-")
    node.workerinput["turns"] = node.config.stash[FOLDER].name


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption(
        "--long",
        choices=("", "all", "changed"),
        default="",
        help="run the long tests too: all of them, or those whose subject has changed since they passed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """A worker takes turns with the others; a run without workers has the machine for itself."""
    # A shell's background job ignores Ctrl-C, and so would every program that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # And one that is to outlive its terminal ignores the end of it.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # In CI the tree stays as it was.
    config.pluginmanager.register(LongRuns(config.getoption("long"), record_passes=not os.environ.get("CI")))
    if hasattr(config, "workerinput"):
        # The kernel divides the machine by sessions (sched(7)), and each program that a test starts has one of its own.
        with suppress(PermissionError):
            os.setsid()
        config.stash[TURNS] = side_by_side.Turns(Path(config.workerinput["turns"]))
        side_by_side.starts = side_by_side.Starts(Path(config.workerinput["turns"]))
        if coverage := Coverage.current():
            config.pluginmanager.register(Measuring(coverage))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last worker has gone."""
    if folder := config.stash.get(FOLDER, None):
        SharedKafka(Path(folder.name)).stop()
        folder.cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With workers, hand tests out in an order that keeps all of them busy."""
    if TURNS in config.stash:
        items[:] = side_by_side.in_order(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests and what they import stay until the end: the search for garbage need not look at them."""
    gc.collect()
    early.imported()


# Outermost, so that a test's timeout and duration begin when its turn does.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait until this test may run."""
    turns = item.config.stash.get(TURNS, None)
    if turns is None:
        return (yield)
    with turns.turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def _valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def valkey(_valkey: Valkey) -> Valkey:
    """A real Valkey server: running and empty when the test begins, whatever the test before did to it."""
    _valkey.renew()
    return _valkey


@pytest.fixture(scope="session")
def _sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    with running(Sentinels(tmp_path_factory.mktemp("sentinels"))) as sentinels:
        yield sentinels


@pytest.fixture
def sentinels(_sentinels: Sentinels) -> Sentinels:
    """Real Sentinels with a primary and two replicas, empty. Tests of failovers start their own."""
    _sentinels.renew()
    return _sentinels


@pytest.fixture(scope="session")
def _valkey_cluster() -> Iterator[ValkeyCluster]:
    cluster = ValkeyCluster(node_timeout_ms=NEVER_MS)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def valkey_cluster(_valkey_cluster: ValkeyCluster) -> ValkeyCluster:
    """A real Valkey Cluster of six servers: whole and empty when the test begins. It fails over only when told to."""
    _valkey_cluster.renew()
    return _valkey_cluster


@pytest.fixture
def own_cluster() -> Iterator[ValkeyCluster]:
    """A cluster to be broken, whose replicas take over after a second."""
    cluster = ValkeyCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def _kafka(request: pytest.FixtureRequest) -> Iterator[SharedKafka]:
    require_kafka()
    config = request.config
    if hasattr(config, "workerinput"):
        # The run's last process ends it.
        broker = SharedKafka(Path(config.workerinput["turns"]))
        yield broker
        broker.leave()
        return
    with TemporaryDirectory(prefix="tickgate-kafka-") as folder:
        broker = SharedKafka(Path(folder))
        try:
            yield broker
        finally:
            broker.stop()


@pytest.fixture
def kafka_port(_kafka: SharedKafka) -> int:
    """The port of a real Kafka broker, which other tests use too: with topics of their own."""
    return _kafka.port()


def pytest_runtest_setup() -> None:
    """Programs ignore SIGHUP from their import on; what a test starts must not inherit that."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


SERVERS = frozenset({"valkey", "sentinels", "valkey_cluster", "own_cluster", "kafka_port"})
"""Fixtures that go by the machine's clock."""


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time as a test's own process spends it, where no other process takes part."""
    marked = any(item.get_closest_marker(mark) for mark in ("integration", "alone"))
    if marked or SERVERS.intersection(getattr(item, "fixturenames", ())):
        return {"asyncio": asyncio.SelectorEventLoop}
    return {"own time": OwnTimeLoop}
