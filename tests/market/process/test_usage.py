"""What every program answers to --help, --version and what it does not know."""

import pytest

from gateway import __main__ as gateway
from market.process.usage import REFERENCE, Parser, of_settings
from market.process.version import version
from market.settings.config import CONFIG, GATEWAYS, POLLERS
from poller import __main__ as poller


def ends(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Exit code, standard output and standard error."""
    parser = Parser("tickgate thing", "Does a thing.", of_settings({"SYMBOLS": "which ones"}))
    parser.add_argument("--size", type=int)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_tells_what_it_does_and_its_settings(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And where all of them are described."""
    code, out, err = ends([argument], capsys)
    assert (code, err) == (0, "")
    assert out.startswith("usage: tickgate thing ")
    for told in ("Does a thing.", "SYMBOLS            which ones", str(REFERENCE)):
        assert told in out
    assert "`BUS_URL`" in REFERENCE.read_text(encoding="utf-8")


def test_version_is_the_name_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    assert ends(["--version"], capsys) == (0, f"tickgate {version()}\n", "")


@pytest.mark.parametrize("arguments", [["more"], ["--siz", "3"], ["--size", "three"], ["--size"], ["a\x1b[2Jb"]])
def test_a_wrong_argument_is_one_printable_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2, and the line names the program and how to get help."""
    code, out, err = ends(arguments, capsys)
    assert (code, out) == (2, "")
    assert err.startswith("tickgate thing: ")
    assert err.endswith("; see: tickgate thing --help\n")
    assert err.removesuffix("\n").isprintable()


def test_the_settings_that_programs_tell_of_are_theirs() -> None:
    """A renamed variable is found."""
    assert set(poller.SETTINGS) <= POLLERS | {CONFIG}
    assert set(gateway.SETTINGS) <= GATEWAYS | {CONFIG}
    for meaning in (*poller.SETTINGS.values(), *gateway.SETTINGS.values()):
        assert len(meaning) <= 59, meaning
