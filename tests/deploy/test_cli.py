"""``tickgate COMMAND``."""

from collections.abc import Sequence

import pytest

from deploy import cli
from deploy.cli import COMMANDS, Command, main
from deploy.launcher import launch
from market.process.version import version
from market.settings.config import CONFIG, KNOWN


def test_without_a_command_it_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    """As --help does; but nothing was done, and the exit code says so."""
    assert [main([]), main(["--help"]), main(["-h"])] == [2, 0, 0]
    printed = capsys.readouterr()
    assert printed.err == ""
    for name in COMMANDS:
        assert printed.out.count(f"\n  {name} ") == 3


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """For people and scripts."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tickgate {version()}\n"


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("rnu", "tickgate: no command 'rnu'; did you mean run?\n"),
        ("gatway", "tickgate: no command 'gatway'; did you mean gateway?\n"),
        ("zzz", "tickgate: no command 'zzz'; see: tickgate --help\n"),
        ("--versoin", "tickgate: no option '--versoin'; see: tickgate --help\n"),
        ("x\x1b", "tickgate: no command 'x\\x1b'; see: tickgate --help\n"),
    ],
)
def test_what_it_does_not_know_is_one_line(argument: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that was probably meant."""
    assert main([argument]) == 2
    assert capsys.readouterr() == ("", answer)


def test_a_command_gets_its_arguments_and_what_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is that of the whole."""
    told: list[tuple[list[str], str]] = []

    def record(arguments: Sequence[str], program: str) -> int:
        told.append((list(arguments), program))
        return 7

    monkeypatch.setitem(cli.COMMANDS, "run", Command(record, ""))
    assert main(["run", "--help", "run"], program="python -m deploy") == 7
    assert told == [(["--help", "run"], "python -m deploy run")]


def test_ctrl_c_while_a_command_is_imported_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is the shell's for it, 128 + SIGINT."""

    def interrupted(_arguments: Sequence[str], _program: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "run", Command(interrupted, ""))
    assert main(["run"]) == 130


def test_the_settings_that_the_launcher_tells_of_exist() -> None:
    """A renamed variable is found."""
    assert set(launch.RUNS) | set(launch.CLUSTERS) <= KNOWN | {CONFIG}
