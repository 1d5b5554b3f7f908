"""What the README says of the configuration is so."""

import re
from pathlib import Path

import pytest

from gateway.address import TrustedProxies
from gateway.origin import AllowedHosts, AllowedOrigins
from gateway.settings import Settings
from poller.settings import PollerSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| (both|poller|gateway) \|", README, re.MULTILINE)


def variables(program: str) -> set[str]:
    """The variables that a program's settings modules read: their names in capitals, in quotes."""
    names = set()
    for module in (ROOT / program).rglob("settings.py"):
        names |= set(re.findall(r'"([A-Z]+_[A-Z_]+|SYMBOLS|FEED)"', module.read_text(encoding="utf-8")))
    return names


@pytest.mark.parametrize("program", ["poller", "gateway"])
def test_every_variable_is_in_the_table(program: str) -> None:
    """The table names each variable that the program reads, and no other."""
    told = {name for name, _, who in ROWS if who in {"both", program}}
    assert variables(program) == told


def test_the_defaults_told_are_the_defaults() -> None:
    """The table's default is the one that an empty environment gives; for what is parsed, the empty text is."""
    settings = Settings.from_environ({})
    own_names = {"host": "GATEWAY_HOST", "port": "GATEWAY_PORT"}
    gateway = {own_names.get(name, name.upper()): getattr(settings, name) for name in settings.__struct_fields__}
    for name in settings.auth.__struct_fields__:
        gateway[{"mode": "AUTH_MODE"}.get(name, name.upper())] = getattr(settings.auth, name)
    parsed = {"ALLOWED_ORIGINS": AllowedOrigins.parse(""), "TRUSTED_PROXIES": TrustedProxies.parse("")}
    parsed["ALLOWED_HOSTS"] = AllowedHosts.parse("", only_loopback=True)
    assert parsed == {name: gateway[name] for name in parsed}
    gateway |= dict.fromkeys(parsed, "")
    gateway |= {"ALLOW_ANONYMOUS": 0, "FORWARDED_HOPS": settings.trusted_proxies.hops}
    poller = {name.upper(): value for name, value in vars(PollerSettings.from_environ({})).items()}
    for name, told, who in ROWS:
        value = (poller if who == "poller" else gateway)[name]
        if isinstance(value, bool):
            value = int(value)
        text = ",".join(value) if name == "SYMBOLS" else f"{value:g}" if isinstance(value, float) else str(value)
        assert (text or "–") == told.strip().strip("`"), name


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
