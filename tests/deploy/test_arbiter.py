"""What gunicorn's arbiter does with a SIGHUP."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from deploy.arbiter import guard_reload, usable_settings
from deploy.ports import free_port
from gateway.auth.settings import AuthSettings
from gateway.settings import Settings
from market.environ import SettingError


@dataclass
class Listener:
    """Gunicorn's wrapper of a socket."""

    sock: socket.socket


@dataclass
class RecordingArbiter:
    """Counts how often it replaced its worker, and keeps what it said; it is also its own log."""

    LISTENERS: list[Listener] = field(default_factory=list)
    replaced: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def log(self) -> "RecordingArbiter":
        return self

    def error(self, form: str, *values: object) -> None:
        self.said.append(form % values)

    def handle_hup(self) -> None:
        self.replaced += 1


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
    hang_up: Callable[[], None] = arbiter.handle_hup
    for _ in successors:
        before = arbiter.replaced
        hang_up()
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
