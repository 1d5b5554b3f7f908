"""The whole of ``tickgate check``: its lines, its exit code, and that it always ends."""

import asyncio
import json
import socket
import threading
from collections.abc import Mapping

import pytest

from deploy import check as module
from deploy.check import check, main
from deploy.checks.finding import Finding
from deploy.ports import free_port
from tests.deploy.checks.test_listening import cluster
from tests.valkey import Valkey


def environ() -> dict[str, str]:
    """Free ports, and no exchange."""
    return {"GATEWAY_PORT": str(free_port()), "FEED": "simulated", **cluster()}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """That one, to be changed."""
    for name, value in environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BUS_URL", raising=False)
    return monkeypatch


def test_each_line_begins_with_a_mark(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing wrong is exit code 0, warnings or not."""
    assert 0 == main([])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning"}
    subjects = [line.split()[1] for line in lines]
    assert {"settings", "bus", "exchange", "port", "files", "gunicorn", "valkey", "haproxy"} == set(subjects)


def test_something_wrong_is_exit_code_1(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As one JSON object, if that is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment.setenv("GATEWAY_PORT", str(server.getsockname()[1]))
        environment.setenv("SYMBOL", "x")
        assert 1 == main(["--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    marks = {(its["mark"], its["subject"]) for its in document["findings"]}
    assert {("wrong", "port"), ("warning", "settings")} <= marks


@pytest.mark.parametrize("program", ["poller", "gateway", "operator"])
def test_the_rights_of_one_program_are_asked_alone(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], valkey: Valkey, program: str
) -> None:
    """Nothing else is looked at, but for settings that cannot be used."""
    environment.setenv("BUS_URL", valkey.url)
    assert 0 == main(["--rights", program])
    bus, rights = capsys.readouterr().out.splitlines()
    assert bus.split()[:2] == ["ok", "bus"]
    assert f"user default may do all that {'an' if program == 'operator' else 'a'} {program} needs" in rights
    environment.setenv("GATEWAY_PORT", "x")
    assert 1 == main(["--rights", program])
    assert "GATEWAY_PORT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--nonsense"], 2), (["x"], 2), (["--help"], 0), (["--rights", "client"], 2)]
)
def test_a_command_line_that_is_not_understood_is_exit_code_2(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before anything is asked."""
    assert code == main(arguments)
    assert "tickgate check" in "".join(capsys.readouterr())


async def test_what_hangs_or_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hides nothing of the others, and the whole takes no longer than the slowest may."""

    async def hang(*_: object) -> list[Finding]:
        await asyncio.sleep(60)
        return []

    async def fail(*_: object) -> list[Finding]:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(module, "check_bus", hang)
    monkeypatch.setattr(module, "check_exchange", hang)
    monkeypatch.setattr(module, "check_haproxy", fail)
    monkeypatch.setattr(module, "EACH_S", 0.1)
    async with asyncio.timeout(5):
        findings = await check(environ())
    said = {its.subject: its.text for its in findings if its.mark == "wrong"}
    assert "did not answer within 0.1 s" == said["bus"] == said["exchange"]
    assert "could not be checked: RuntimeError: a fault of ours" == said["haproxy"]
    assert any(its.subject == "port" and its.mark == "ok" for its in findings)


def test_a_name_that_is_still_looked_up_keeps_nobody_waiting(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resolver may take half a minute in a thread that nobody can stop: the process ends without it."""
    over = threading.Event()
    ended: list[int] = []

    async def resolve(_: object, __: Mapping[str, str]) -> list[Finding]:
        await asyncio.get_running_loop().run_in_executor(None, over.wait, 30)
        return []

    environment.setattr(module, "check_haproxy", resolve)
    environment.setattr(module, "EACH_S", 0.1)
    environment.setattr("os._exit", ended.append)
    try:
        assert 1 == main([])
    finally:
        over.set()
    assert [1] == ended
    assert "did not answer" in capsys.readouterr().out
