"""What gunicorn's arbiter does with a SIGHUP."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

import pytest
from gunicorn.config import Config

from deploy.errors import DeployError
from deploy.gateways.arbiter import guard_reload, require_one_of_ours, usable_settings
from deploy.ports import free_port
from gateway.auth.settings import AuthSettings
from gateway.http.listening.succession import Role, Succession
from gateway.settings import Settings
from gateway.worker import Worker
from market.settings.environ import SettingError

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@dataclass
class Listener:
    """Gunicorn's wrapper of a socket."""

    sock: socket.socket


@dataclass
class RecordingArbiter:
    """Counts how often it replaced its worker, and keeps what it said; it is also its own log."""

    LISTENERS: list[Listener] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)
    replaced: int = 0
    said: list[str] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    stopped: list[bool] = field(default_factory=list)
    num_workers: int = 1
    reexec_pid: int = 0
    on_replace: Callable[[], None] = lambda: None
    on_spawn: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    spawned: int = 0

    @property
    def log(self) -> "RecordingArbiter":
        return self

    def error(self, form: str, *values: object) -> None:
        self.said.append(form % values)

    def signal(self, number: int, _frame: FrameType | None) -> None:
        self.noted.append(number)

    def stop(self, graceful: bool = True) -> None:
        self.stopped.append(graceful)
        for listener in self.LISTENERS:
            listener.sock.close()
        self.on_stop()

    def kill_workers(self, number: int) -> None:
        self.signals.append(number)

    def spawn_worker(self) -> None:
        self.spawned += 1
        self.on_spawn()

    def handle_hup(self) -> None:
        self.replaced += 1
        self.on_replace()


@pytest.fixture
def everywhere() -> Iterator[Listener]:
    """A socket that others than this machine could reach; nobody listens on it."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))  # noqa: S104 - that is what is to be refused
        yield Listener(sock)


def guarded(settings: Settings, *successors: Settings | Exception, listeners: tuple[Listener, ...] = ()) -> list[str]:
    """Hang up once for each successor; what the arbiter did each time: what it said, or ``replaced``."""
    arbiter, done = RecordingArbiter(list(listeners)), []
    coming = iter(successors)

    def read() -> Settings:
        successor = next(coming)
        if isinstance(successor, Exception):
            raise successor
        return successor

    guard_reload(arbiter, settings, read)
    for _ in successors:
        before = arbiter.replaced
        arbiter.signal(signal.SIGHUP, None)
        arbiter.handle_hup()
        done.append("replaced" if arbiter.replaced > before else arbiter.said[-1])
    return done


def test_a_successor_that_could_not_start_is_none() -> None:
    """With a bad file everything goes on as it is, in one line; with a good one the worker is replaced."""
    bad = SettingError("LOG_LEVEL 'LOUD' must be one of …")
    assert ["replaced", f"settings stay as they are: {bad}", "replaced"] == guarded(
        Settings(), Settings(), bad, Settings()
    )


def test_a_port_that_is_taken_is_not_gone_to() -> None:
    """Gunicorn would give up the port that it has for one that it cannot get, and end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done, free = guarded(Settings(), Settings(port=port), Settings(port=free_port()))
    assert done.startswith(f"settings stay as they are: 127.0.0.1:{port} is in use")
    assert "replaced" == free


def test_the_port_in_use_by_itself_is_no_hindrance() -> None:
    """Its own socket holds the port that the successor listens on."""
    with socket.create_server(("127.0.0.1", 0)) as own:
        settings = Settings(port=own.getsockname()[1])
        assert ["replaced"] == guarded(settings, settings, listeners=(Listener(own),))


def test_a_door_to_everybody_is_not_opened_by_a_reload(everywhere: Listener) -> None:
    """On a socket that strangers reach, the successor must ask for tokens, or be told that it need not."""
    asking = Settings(auth=AuthSettings(mode="jwt"))
    refused, *others = guarded(asking, Settings(), asking, Settings(allow_anonymous=True), listeners=(everywhere,))
    assert "ALLOW_ANONYMOUS" in refused
    assert ["replaced"] * 2 == others


def test_keys_are_looked_at_too() -> None:
    """Settings with which no token could be checked are not usable."""
    with pytest.raises(SettingError, match="JWT_SECRET is 3 bytes long"):
        usable_settings({"AUTH_MODE": "jwt", "JWT_SECRET": "abc"})
    assert 9000 == usable_settings({"GATEWAY_PORT": "9000"}).port


def test_ten_at_once_are_one_or_two() -> None:
    """What is read after the last of them counts for all; one that comes meanwhile is read for again."""
    arbiter = RecordingArbiter()
    guard_reload(arbiter, Settings(), Settings)
    for _ in range(10):
        arbiter.signal(signal.SIGHUP, None)
    for _ in range(10):
        arbiter.handle_hup()
    assert 1 == arbiter.replaced
    arbiter.on_replace = lambda: arbiter.signal(signal.SIGHUP, None) if arbiter.replaced == 2 else None
    arbiter.signal(signal.SIGHUP, None)
    for _ in range(3):
        arbiter.handle_hup()
    assert 3 == arbiter.replaced
    assert [signal.SIGHUP] * 12 == arbiter.noted


def test_a_stop_does_not_wait_for_a_successor() -> None:
    """All workers are told at once, also while a replacement is under way, which gunicorn itself would see through."""
    arbiter = RecordingArbiter()
    guard_reload(arbiter, Settings(), Settings)
    arbiter.signal(signal.SIGHUP, None)
    arbiter.handle_hup()
    assert ([], 1) == (arbiter.signals, arbiter.num_workers)
    arbiter.on_replace = lambda: arbiter.signal(signal.SIGTERM, None)
    arbiter.signal(signal.SIGHUP, None)
    arbiter.handle_hup()
    # And no worker is started meanwhile.
    assert ([signal.SIGQUIT], 0) == (arbiter.signals, arbiter.num_workers)
    assert [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM] == arbiter.noted
    arbiter.stop()
    assert ([signal.SIGQUIT] * 2, [True]) == (arbiter.signals, arbiter.stopped)


def test_a_stop_that_comes_before_the_successor_exists_finds_it_too() -> None:
    """Otherwise the old worker would wait for a successor that nobody has told to stop."""
    arbiter = RecordingArbiter()
    guard_reload(arbiter, Settings(), Settings)
    arbiter.on_replace = arbiter.spawn_worker
    # It comes between the arbiter's decision and its fork.
    arbiter.on_spawn = lambda: arbiter.signal(signal.SIGTERM, None)
    arbiter.signal(signal.SIGHUP, None)
    arbiter.handle_hup()
    assert (1, [signal.SIGQUIT] * 2) == (arbiter.spawned, arbiter.signals)
    # And after it none is started.
    arbiter.spawn_worker()
    assert 1 == arbiter.spawned


@pytest.mark.parametrize("number", STOPS)
def test_a_worker_that_has_just_been_forked_hears_that_it_is_to_stop(number: int) -> None:
    """What is sent to it before it listens to signals waits until it does."""
    arbiter = RecordingArbiter()
    guard_reload(arbiter, Settings(), Settings)
    children: list[int] = []

    def fork() -> None:
        if (child := os.fork()) == 0:
            heard = signal.sigtimedwait(STOPS, 20)
            os._exit(heard is None or heard.si_signo != number)
        os.kill(child, number)
        children.append(child)

    arbiter.on_spawn = fork
    listened_to = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    arbiter.spawn_worker()
    assert [0] == [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert listened_to == signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_an_arbiter_that_cannot_fork_still_listens_to_signals() -> None:
    """There may be too many processes, for a while."""
    arbiter = RecordingArbiter()
    guard_reload(arbiter, Settings(), Settings)
    listened_to = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def fork() -> None:
        raise BlockingIOError

    arbiter.on_spawn = fork
    with pytest.raises(BlockingIOError):
        arbiter.spawn_worker()
    assert listened_to == signal.pthread_sigmask(signal.SIG_BLOCK, ())


def a_successor_comes(own: socket.socket) -> bool:
    """What another process sees of the socket."""
    child = os.fork()
    if child == 0:
        os._exit(Succession([own]).others(Role.COMES))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_while_it_replaces_its_worker_the_worker_knows_that_another_comes() -> None:
    """From before the old one is told to stop until the replacement is over."""
    with socket.create_server(("127.0.0.1", 0)) as own:
        settings, seen = Settings(port=own.getsockname()[1]), list[bool]()
        arbiter = RecordingArbiter([Listener(own)], on_replace=lambda: seen.append(a_successor_comes(own)))
        guard_reload(arbiter, settings, lambda: settings)
        seen.append(a_successor_comes(own))
        arbiter.signal(signal.SIGHUP, None)
        arbiter.handle_hup()
        seen.append(a_successor_comes(own))
    assert [False, True, False] == seen


@pytest.mark.parametrize("other", [0, 4711], ids=["alone", "after SIGUSR2"])
def test_while_it_hands_over_to_another_arbiter_its_worker_knows_that_another_comes(other: int) -> None:
    """Until its last worker has gone; the other arbiter, and its worker, may come to be only meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as own, socket.socket(fileno=os.dup(own.fileno())) as worker_s:
        seen: list[bool] = []
        arbiter = RecordingArbiter([Listener(own)], reexec_pid=other)
        arbiter.on_stop = lambda: seen.append(a_successor_comes(worker_s))
        guard_reload(arbiter, Settings(), Settings)
        arbiter.stop()
        seen.append(a_successor_comes(worker_s))
        assert -1 == own.fileno()
    assert [bool(other), False] == seen


class OwnWorker(Worker):
    """Ours, with something of somebody's own."""


class Configured:
    """An arbiter with gunicorn's own configuration."""

    def __init__(self, **options: object) -> None:
        self.cfg = Config()
        for name, value in options.items():
            self.cfg.set(name, value)


def test_only_one_worker_of_ours_is_started() -> None:
    """What a command line says beside our configuration counts, so it is looked at."""
    require_one_of_ours(Configured(worker_class="gateway.worker.Worker", workers=1))
    require_one_of_ours(Configured(worker_class=OwnWorker, workers=1))
    with pytest.raises(DeployError, match="class sync cannot serve"):
        require_one_of_ours(Configured(worker_class="sync", workers=1))
    with pytest.raises(DeployError, match="3 workers"):
        require_one_of_ours(Configured(worker_class="gateway.worker.Worker", workers=3))
