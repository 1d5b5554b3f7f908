"""What README and docs/ say is so."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.admission.address import TrustedProxies
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.settings import AuthSettings
from gateway.reload import CHANGEABLE
from gateway.settings import Settings
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.framing.parser import FailureCode
from market.settings.config import CONFIG, parse_config
from poller.reload import CHANGEABLE as POLLERS_CHANGEABLE
from poller.settings import PollerSettings
from poller.stream.timing import StreamTiming
from poller.venues.registry import VENUES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| (both|poller|gateway) \|", CONFIGURATION, re.MULTILINE)


def variables(program: str) -> set[str]:
    """The variables that a program's settings modules read: their names in capitals, in quotes; and the file's name."""
    names = {CONFIG}
    for module in (ROOT / program).rglob("settings.py"):
        names |= set(re.findall(r'"([A-Z]+_[A-Z_]+|SYMBOLS|FEED|VENUE)"', module.read_text(encoding="utf-8")))
    if program == "poller":
        names |= {variable for venue in VENUES.values() for variable in (venue.rest_variable, venue.ws_variable)}
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
    gateway |= {"ALLOW_ANONYMOUS": 0, "FORWARDED_HOPS": settings.trusted_proxies.hops, CONFIG: ""}
    poller = PollerSettings.from_environ({}).by_variable() | {"FEED": PollerSettings.feed}
    for name, told, who in ROWS:
        value: Any = (poller if who == "poller" else gateway)[name]
        if value is None:
            value = ""
        if isinstance(value, bool):
            value = int(value)
        if name == "SYMBOLS" or isinstance(value, tuple):
            value = ",".join(map(str, value))
        text = f"{value:g}" if isinstance(value, float) else str(value)
        assert (text or "–") == told.strip().strip("`"), name


def test_what_changes_while_running_is_documented() -> None:
    """The table of what SIGHUP changes names each setting that can change, and no other."""
    table = CONFIGURATION.partition("| what changes with SIGHUP |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines() for name in re.findall(r"`([A-Z_]{4,})`", row.split(" | ")[0])}
    of_tokens = {name.upper() for name in AuthSettings.__struct_fields__ if name not in {"mode", "proxies"}}
    fields = {"auth": of_tokens, "spare_loopback": set()}
    assert set().union(*(fields.get(name, {name.upper()}) for name in CHANGEABLE)) == told
    assert {name.upper() for name in POLLERS_CHANGEABLE} <= told


def test_the_file_of_the_readme_can_be_used() -> None:
    """The example is a file as it is read."""
    text = CONFIGURATION.partition("## Changing settings")[2].partition("```\n")[2].partition("```")[0]
    assert len(parse_config(text.encode(), "README.md")) == 3


def test_commands_of_the_readme_exist() -> None:
    """Each ``make`` target that the README names is one of the Makefile's."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", README))
    assert named <= targets
    assert {"run", "test", "cluster", "load", "bench"} <= named


def test_pictures_of_the_readme_exist() -> None:
    """Each picture is in the repository."""
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_close_codes_are_those_that_are_sent() -> None:
    """The table has each code that a gateway closes with, and no other."""
    table = PROTOCOL.partition("**Close codes.**")[2].partition("**Refused handshakes**")[0]
    told = [int(code) for code in re.findall(r"^\| (\d{4}) \|", table, re.MULTILINE)]
    assert sorted({reason.code for reason in CloseReason} | set(FailureCode)) == sorted(told)


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_what_the_documents_name_exists(page: Path) -> None:
    """Tests by file, path and name, modules by their dotted names, files and folders by their paths."""
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:market|poller|gateway|deploy|bench|loadtest|tests|docs)/[\w/.-]*)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    everything = "".join(tests.values())
    assert [name for name in re.findall(r"\b(test_\w+\.py)", text) if name not in tests] == []
    named = re.findall(r"`(test_\w+)`", text)
    assert [name for name in named if f"def {name}(" not in everything] == []
    packages = "market|poller|gateway|deploy|bench|loadtest"
    for dotted in re.findall(rf"`((?:{packages})(?:\.\w+)+)`", text):
        # The last part may be a name in the module.
        parts = dotted.split(".")
        modules = [ROOT.joinpath(*parts[:end]) for end in (len(parts), len(parts) - 1)]
        assert any(path.is_dir() or path.with_suffix(".py").is_file() for path in modules), dotted


def test_the_faults_told_are_of_the_times_configured() -> None:
    """Two of the figures follow from a setting; with another, they would have to be measured again."""
    faults = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert f"nothing heard for {StreamTiming().quiet_s:g} s" in faults
    configured = (ROOT / "deploy" / "gunicorn.conf.py").read_text(encoding="utf-8")
    timeout = re.search(r"^timeout = (\d+)$", configured, re.MULTILINE)
    assert timeout is not None
    assert f"{timeout[1]} s as configured" in faults
