"""Whether gunicorn runs a gateway as it has to."""

import sys
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config

from gateway import hosting
from gateway.errors import GatewayError

ROOT = Path(__file__).parents[2]


def test_the_right_command_names_a_file_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the top of the tree it is short, from elsewhere whole."""
    monkeypatch.chdir(ROOT)
    assert "gunicorn -c deploy/gunicorn.conf.py gateway.app:app_factory" == hosting.right_command()
    monkeypatch.chdir(tmp_path)
    path = hosting.right_command().split()[2]
    assert ROOT / "deploy" / "gunicorn.conf.py" == Path(path)
    monkeypatch.setattr(hosting, "_CONFIG", tmp_path / "none")
    assert "gunicorn -k gateway.worker.Worker --bind HOST:PORT gateway.app:app_factory" == hosting.right_command()


@pytest.mark.parametrize(
    "program", ["/usr/bin/gunicorn", "gunicorn", "gunicorn3", ".venv/lib/python3.11/site-packages/gunicorn/__main__.py"]
)
def test_gunicorn_without_our_worker_is_refused(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the right command, and the exit code at which gunicorn ends."""
    monkeypatch.setattr(sys, "argv", [program, "gateway.app:app_factory"])
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    monkeypatch.delitem(sys.modules, "gateway.worker", raising=False)
    with pytest.raises(SystemExit) as ended:
        hosting.refuse_other_workers()
    assert 4 == ended.value.code
    (line,) = capsys.readouterr().err.splitlines()
    assert hosting.right_command() in line
    monkeypatch.setitem(sys.modules, "gateway.worker", sys)
    hosting.refuse_other_workers()


@pytest.mark.parametrize("program", ["pytest", "/usr/lib/python3/poller/__main__.py", "-c", ""])
def test_another_program_may_import_what_it_likes(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test, or a program of somebody's own, that has gunicorn imported is not gunicorn."""
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    monkeypatch.delitem(sys.modules, "gateway.worker", raising=False)
    hosting.refuse_other_workers()


def test_there_is_one_worker() -> None:
    """Several on one port would share clients, limits and metrics by chance."""
    hosting.require_one(1)
    with pytest.raises(GatewayError, match=r"4 workers.*GATEWAY_PORT of its own"):
        hosting.require_one(4)


def require(listening: list[Any], *, bind: str | None = None, port: int = 8080) -> None:
    """Ask for a gunicorn that was started with this ``--bind``, if any."""
    cfg = Config()
    if bind is not None:
        cfg.set("bind", bind)
    hosting.require_address(cfg, listening, host="127.0.0.1", port=port)


def test_gunicorns_own_default_is_no_address_that_anybody_asked_for() -> None:
    """It is refused, unless the settings name the same."""
    default = [("127.0.0.1", 8000)]
    with pytest.raises(GatewayError, match=r"127\.0\.0\.1:8000, not where .* \(127\.0\.0\.1:8080\)"):
        require(default)
    require(default, port=8000)


def test_an_address_that_was_asked_for_counts() -> None:
    """``--bind`` comes before the settings, and so does a socket of systemd's."""
    require([("127.0.0.1", 9000)], bind="127.0.0.1:9000")
    require(["/run/gateway.sock"], bind="unix:/run/gateway.sock")
    require([("::1", 9000, 0, 0)])
