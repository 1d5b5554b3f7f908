"""The limit of open files, and what is installed."""

import resource
from importlib.metadata import PackageNotFoundError

import pytest

from deploy.checks import machine
from deploy.checks.finding import Finding
from deploy.checks.machine import check_machine
from deploy.errors import DeployError
from gateway.admission.descriptors import RESERVED
from gateway.settings import Settings


def check(hard: int = 1 << 20, *, given: bool = False, **variables: str) -> dict[str, Finding]:
    """Check with this limit, and with BUS_URL or without."""
    bus = {"BUS_URL": "redis://h"} if given else {}
    return {its.subject: its for its in check_machine({**bus, **variables}, Settings.from_environ(variables), hard)}


def test_the_limit_of_open_files() -> None:
    """Enough, too few by one, without a limit, and with MAX_CONNECTIONS without one."""
    assert "ok" == check(20_000 + RESERVED)["files"].mark
    few = check(20_000 + RESERVED - 1)["files"]
    assert ("warning", True) == (few.mark, "at most 19999 clients" in few.text)
    assert str(20_000 + RESERVED) in few.fix
    assert "any number" in check(resource.RLIM_INFINITY)["files"].text
    assert f"at most {1024 - RESERVED}" in check(1024, MAX_CONNECTIONS="0")["files"].text


def test_what_is_installed_here() -> None:
    """The tests have both."""
    assert ("ok", "ok") == (check()["gunicorn"].mark, check()["valkey"].mark)


@pytest.fixture
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_server() -> str:
        raise DeployError("none")

    def no_version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(machine, "valkey_server", no_server)
    monkeypatch.setattr(machine, "version", no_version)


@pytest.mark.usefixtures("_bare")
def test_what_is_not_installed_and_may_be_needed() -> None:
    """Each says what it is for; a server of one's own needs none of ours."""
    its = check()
    assert ("warning", "warning") == (its["gunicorn"].mark, its["valkey"].mark)
    assert "tickgate[cluster]" in its["gunicorn"].fix
    assert "tickgate[embedded]" in its["valkey"].fix
    assert "ok" == check(given=True)["valkey"].mark


def test_an_old_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lacks what the arbiter's guards need."""
    monkeypatch.setattr(machine, "version", lambda name: "21.2.0")
    assert ("warning", True) == (check()["gunicorn"].mark, "too old" in check()["gunicorn"].text)
