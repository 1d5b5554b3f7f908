"""What the README says of the configuration is so."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.settings import Settings
from poller.settings import PollerSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| (both|poller|gateway) \|", README, re.MULTILINE)


def variables(settings: str) -> set[str]:
    """The variables that a settings module reads: its names in capitals, in quotes."""
    return set(re.findall(r'"([A-Z]+_[A-Z_]+|SYMBOLS|FEED)"', (ROOT / settings).read_text(encoding="utf-8")))


@pytest.mark.parametrize("program", ["poller", "gateway"])
def test_every_variable_is_in_the_table(program: str) -> None:
    """The table names each variable that the program reads, and no other."""
    told = {name for name, _, who in ROWS if who in {"both", program}}
    assert variables(f"{program}/settings.py") == told


def test_the_defaults_told_are_the_defaults() -> None:
    """The table's default is the one that an empty environment gives."""
    gateway = {
        {"host": "GATEWAY_HOST", "port": "GATEWAY_PORT"}.get(field.name, field.name.upper()): getattr(
            Settings.from_environ({}), field.name
        )
        for field in msgspec.structs.fields(Settings)
    }
    poller = {name.upper(): value for name, value in vars(PollerSettings.from_environ({})).items()}
    for name, told, who in ROWS:
        value = (poller if who == "poller" else gateway)[name]
        text = ",".join(value) if name == "SYMBOLS" else f"{value:g}" if isinstance(value, float) else str(value)
        assert text == told.strip().strip("`"), name


def test_commands_of_the_readme_exist() -> None:
    """Each ``make`` target that the README names is one of the Makefile's."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", README))
    assert named <= targets
    assert {"run", "test", "cluster", "load", "bench"} <= named


def test_pictures_of_the_readme_exist() -> None:
    """Each picture is in the repository."""
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path
