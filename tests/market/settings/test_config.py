"""The file of settings: what stands in it, and what is refused."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.settings import Settings
from market.settings.config import (
    CONFIG,
    GATEWAYS,
    HAPROXYS,
    KNOWN,
    POLLERS,
    layered,
    parse_config,
    read_config,
    read_usable,
)
from market.settings.environ import SettingError
from poller.settings import PollerSettings
from poller.venues.registry import VENUES

ROOT = Path(__file__).parents[3]
PATH = "/etc/tickgate.conf"


def parsed(text: str) -> dict[str, str]:
    """Read the text of a file of settings."""
    return {name: entry.value for name, entry in parse_config(text.encode(), PATH).items()}


def refusal(content: bytes) -> str:
    """What is said of a file that cannot be used."""
    with pytest.raises(SettingError) as refused:
        parse_config(content, PATH)
    return str(refused.value)


def written(tmp_path: Path, text: str) -> dict[str, str]:
    """The environment that names a file with this text."""
    path = tmp_path / "tickgate.conf"
    path.write_text(text, encoding="utf-8")
    return {CONFIG: str(path)}


def names_in(folder: str, pattern: str = r'"([A-Z]+_[A-Z_]+|SYMBOLS|FEED|VENUE)"') -> set[str]:
    """The variables that the settings modules of a program read."""
    modules = (ROOT / folder).rglob("*settings.py")
    return {name for module in modules for name in re.findall(pattern, module.read_text(encoding="utf-8"))}


def test_the_known_names_are_those_that_are_read() -> None:
    """Each list has the variables that its program reads, and no other: a new setting cannot be forgotten here."""
    of_venues = {variable for venue in VENUES.values() for variable in (venue.rest_variable, venue.ws_variable)}
    assert names_in("poller") | of_venues == POLLERS
    assert names_in("gateway") == GATEWAYS
    read = set(re.findall(r"TICKGATE_[A-Z_]+[A-Z](?:_[0-9]+)?", (ROOT / "haproxy.cfg").read_text(encoding="utf-8")))
    assert read | {"TICKGATE_TLS_BIND"} == HAPROXYS


def test_lines() -> None:
    """Comments and blank lines say nothing, `export` may stand there, and a value is what stands behind the first =."""
    text = "\n".join(
        (
            "# prices",
            "",
            "SYMBOLS=BTCUSDT,ETHUSDT  ",
            "\t export LOG_LEVEL=DEBUG\r",
            "  # MAX_CONNECTIONS=1",
            "BUS_URL=redis://:a=b#c@host:1/0",
            "JWT_ISSUER= the issuer ",
            "ALLOWED_ORIGINS=",
            "FEED=$HOME`x`",
        )
    )
    assert parsed(text) == {
        "SYMBOLS": "BTCUSDT,ETHUSDT",
        "LOG_LEVEL": "DEBUG",
        "BUS_URL": "redis://:a=b#c@host:1/0",
        "JWT_ISSUER": "the issuer",
        "ALLOWED_ORIGINS": "",
        "FEED": "$HOME`x`",
    }


def test_a_file_of_another_system_is_read_too() -> None:
    """A byte order mark and carriage returns change nothing."""
    assert {"SYMBOLS": "BTCUSDT"} == parsed("\ufeffSYMBOLS=BTCUSDT\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"SECRET", "is not NAME=VALUE"),
        (b"=SECRET", "is not NAME=VALUE"),
        (b"LOG_LEVEL =SECRET", "is not NAME=VALUE"),
        (b"log_level=SECRET", "is not NAME=VALUE"),
        (b"exportLOG_LEVEL", "is not NAME=VALUE"),
        (b"SECRETSECRETSECRETSECRETSECRETSECRETSECRET=", "is not NAME=VALUE"),
        (b"JWT_SECRET=SECRET\x00", "is not NAME=VALUE"),
        (b"JWT_SECRET=SECRET\x1bSECRET", "is not NAME=VALUE"),
        (b"JWT_SECRET=SECRET\xff", "is not UTF-8 text"),
        (b"SYMBOL=SECRET", "names SYMBOL, which is no setting"),
        (b"TICKGATE_CONFIG=SECRET", "names TICKGATE_CONFIG; that is for the environment"),
        (b"SYMBOLS=SECRET", "names SYMBOLS again, after line 2"),
        (b'JWT_SECRET="SECRET"', "has JWT_SECRET in quotes"),
        (b"JWT_SECRET='SECRET", "has JWT_SECRET in quotes"),
        (b"JWT_SECRET=SECRET # SECRET", "has a # behind JWT_SECRET"),
        (b"JWT_SECRET=#SECRET", "has a # behind JWT_SECRET"),
    ],
)
def test_what_cannot_be_used_is_named_by_file_and_line_and_not_shown(line: bytes, problem: str) -> None:
    """One short line says where and what, and quotes nothing that may be a secret."""
    message = refusal(b"# first\nSYMBOLS=BTCUSDT\n\n" + line + b"\n")
    assert message.startswith(f"TICKGATE_CONFIG '{PATH}', line 4 {problem}")
    assert "SECRET" not in message.replace("JWT_SECRET", "")
    assert "\n" not in message
    assert len(message) < 200


def test_the_environment_wins(tmp_path: Path) -> None:
    """Of a variable that both name the environment's value counts, the empty one too."""
    environ = written(tmp_path, "SYMBOLS=BTCUSDT\nLOG_LEVEL=DEBUG\n") | {"SYMBOLS": "ETHUSDT", "BUS_URL": "memory://"}
    for program in (Settings, PollerSettings):
        read = program.from_environ(environ)
        assert (("ETHUSDT",), "DEBUG", "memory://") == (read.symbols.names, read.log_level, read.bus_url)
    with layered(environ | {"LOG_LEVEL": ""}) as both:
        assert "" == both["LOG_LEVEL"]


def test_without_the_variable_there_is_no_file() -> None:
    """The environment alone counts where it names none."""
    assert {} == read_config({"SYMBOLS": "BTCUSDT"})


def test_a_bad_value_is_reported_with_its_place(tmp_path: Path) -> None:
    """An error about a value of the file names the line; one about the environment's names none."""
    environ = written(tmp_path, "\nLOG_LEVEL=LOUD\n")
    with pytest.raises(SettingError, match=r"^LOG_LEVEL 'LOUD' must be .* \(TICKGATE_CONFIG '.*', line 2\)$"):
        PollerSettings.from_environ(environ)
    with pytest.raises(SettingError, match=r"^LOG_LEVEL 'QUIET' must be one of [A-Z, ]*$"):
        Settings.from_environ(environ | {"LOG_LEVEL": "QUIET"})


def test_a_file_that_cannot_be_read_is_reported_by_name(tmp_path: Path) -> None:
    """Missing, no file, a name that no file has, or one without end: one line each, and nobody is kept waiting."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"#" * (1024 * 1024 + 1))
    for path in (tmp_path / "none", tmp_path, tmp_path / "fifo", tmp_path / "large", "/dev/zero", "", "a\0b"):
        with pytest.raises(SettingError) as refused:
            read_config({CONFIG: str(path)})
        message = str(refused.value)
        assert message.startswith("TICKGATE_CONFIG '")
        assert "\n" not in message


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.tuples(
                st.sampled_from(sorted(KNOWN)),
                st.one_of(
                    st.text(max_size=40),
                    st.sampled_from(("", "0", "1", "jwt", "@x", "BTCUSDT", "none", "redis://h:1/0", "replay:x")),
                ),
            ),
            max_size=8,
        ).map(lambda lines: "\n".join(f"{name}={value}" for name, value in lines).encode()),
    )
)
@example(b"SYMBOLS=@\xc2\x85")
@example("TRUSTED_PROXIES=\u0661".encode())
@example(b"BUS_URL=redis://[")
@example(b"BINANCE_REST_URL=https://[::1")
def test_any_file_gives_settings_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands in the file, each program has its settings or one line that says why not."""
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(content)
    said = []
    for program in (Settings, PollerSettings):
        try:
            program.from_environ({CONFIG: str(path)})
        except SettingError as error:
            said.append(str(error))
    assert not any("\n" in line for line in said)


def test_everything_that_is_wrong_with_a_file_can_be_read_at_once(tmp_path: Path) -> None:
    """Each line that cannot be used is an error of its own; the others have their values."""
    environ = written(tmp_path, "SYMBOLS=BTCUSDT\nGATWAY_PORT=1\nREDIS_URL=redis://:sesame@h\nnonsense\nFEED=auto\n")
    entries, problems = read_usable(environ)
    assert {"SYMBOLS": "BTCUSDT", "FEED": "auto"} == {name: entry.value for name, entry in entries.items()}
    said = [str(problem).partition(", line ")[2] for problem in problems]
    assert [
        "2 names GATWAY_PORT, which is no setting; did you mean GATEWAY_PORT?",
        "3 names REDIS_URL, which is no setting; did you mean BUS_URL?",
        "4 is not NAME=VALUE; begin it with # if it is a comment",
    ] == said
    assert ({}, []) == read_usable({})
    assert "cannot be read" in str(read_usable({CONFIG: "/no/such"})[1][0])
