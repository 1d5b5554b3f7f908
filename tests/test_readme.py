"""What README and docs/ say is so."""

import math
import re
import shlex
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import options
from bench.capacity import __main__ as capacity
from bench.capacity import unit_costs
from bench.capacity.plan import Question, answer
from deploy.cli import COMMANDS
from gateway.auth.settings import AuthSettings
from gateway.reload import CHANGEABLE
from gateway.settings import Settings
from market.settings.config import parse_config
from poller.reload import CHANGEABLE as POLLERS_CHANGEABLE
from poller.stream.timing import StreamTiming
from tests.reference.site import links

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
BESIDE = [*sorted((ROOT / "examples").glob("*/README.md")), *sorted((ROOT / "clients").glob("*/README.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *BESIDE]
CURRENT = [page for page in PAGES if page.name not in {"CHANGELOG.md", "CONTRIBUTING.md"}]
"""A changelog names also what is gone; who contributes is told names in short."""

LONGEST_LINES = 105
"""Of README.md: one screen, and a little."""


def name_of(page: Path) -> str:
    """Its path in the repository."""
    return page.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    # What stands in a block of code is no heading.
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#{1,6} (.+)$", prose, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def test_the_commands_are_those_that_the_documents_name() -> None:
    """Each `tickgate NAME` is a command, and README names every one."""
    for page in CURRENT:
        code = re.findall(r"```.*?```|`[^`]+`", page.read_text(encoding="utf-8"), re.DOTALL)
        named = {name for part in code for name in re.findall(r"(?<![\w/.-])tickgate ([a-z]+)", part)}
        assert named <= COMMANDS.keys(), page.name
    in_table = re.findall(r"`([a-z]+)(?: [A-Z]+)?`", "".join(re.findall(r"^\| `tickgate .*$", README, re.MULTILINE)))
    assert COMMANDS.keys() == set(in_table) | set(re.findall(r"`tickgate ([a-z]+)", README))


def test_what_changes_while_running_is_documented() -> None:
    """The table of what SIGHUP changes names each setting that can change, and no other."""
    table = CONFIGURATION.partition("| what changes with SIGHUP |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines() for name in re.findall(r"`([A-Z_]{4,})`", row.split(" | ")[0])}
    of_tokens = {name.upper() for name in AuthSettings.__struct_fields__ if name not in {"mode", "proxies"}}
    of_binance = {"BINANCE_COMPAT_HOSTS", "BINANCE_COMPAT_STALE"}
    fields = {"auth": of_tokens, "binance": of_binance, "spare_loopback": set()}
    assert set().union(*(fields.get(name, {name.upper()}) for name in CHANGEABLE)) == told
    assert {name.upper() for name in POLLERS_CHANGEABLE} <= told


def test_the_file_of_settings_can_be_used() -> None:
    """The example is a file as it is read."""
    text = CONFIGURATION.partition("## A file of settings")[2].partition("```\n")[2].partition("```")[0]
    assert len(parse_config(text.encode(), "configuration.md")) == 3


def test_the_readme_is_one_screen() -> None:
    """It says what this is and how to start; what is longer has a page in docs/."""
    assert len(README.splitlines()) <= LONGEST_LINES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    """Each ``make`` target that a page names is one of the Makefile's."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))) - targets == set()


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_the_benches_take_the_options_that_the_documents_name(page: Path) -> None:
    """Each figure is shown with the command that measured it; a command that is refused shows nothing."""
    takes: dict[str, Callable[[list[str]], object]] = {
        "bench": options.parse,
        "bench.capacity": capacity.parser().parse_args,
    }
    for module, arguments in re.findall(r"python -m (bench[\w.]*)((?: [^`\n)]+)?)", page.read_text(encoding="utf-8")):
        assert find_spec(module) is not None, module
        takes.get(module, list)(shlex.split(arguments))


def test_a_million_clients_take_as_many_gateways_as_the_readme_says() -> None:
    """With a front or without, the next fifty above what `python -m bench.capacity --clients 1000000` prints."""
    (said,) = re.findall(r"\[a million\]\(docs/capacity.md\) take some (\d+) gateways", README)
    most = 0
    for front in ("haproxy", "direct"):
        question = Question(clients=1_000_000, symbols=100, of=100, updates=1, front=front)
        (gateways,) = (part for part in answer(question, unit_costs.load()).parts if part.name == "gateways")
        most = max(most, gateways.processes)
    assert int(said) == math.ceil(most / 50) * 50


def test_the_readme_names_the_tests_of_ci() -> None:
    """Who reads it finds the command that CI runs."""
    named = set(re.findall(r"`(make [a-z-]+)`", README))
    assert {"make run", "make cluster", "make test", "make load", "make bench"} <= named
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link within the repository is to a file that there is, and to a heading that it has; so is each picture."""
    broken = []
    for target in links(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_found_from_the_readme() -> None:
    """Nobody has to look through a folder."""
    missing = {name_of(page) for page in DOCS if f"({name_of(page)}" not in README}
    assert missing == set()


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_what_the_documents_name_exists(page: Path) -> None:
    """Tests by file, path and name, modules by their dotted names, files and folders by their paths."""
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:market|poller|gateway|deploy|bench|loadtest|tests|docs)/[\w/.-]*)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    files = list((ROOT / "tests").rglob("test_*.py"))
    tests, everything = {path.name for path in files}, "".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in re.findall(r"\b(test_\w+\.py)", text) if name not in tests] == []
    named = re.findall(r"`(test_\w+)`", text)
    assert [name for name in named if f"def {name}(" not in everything] == []
    packages = "market|poller|gateway|deploy|bench|loadtest"
    for dotted in re.findall(rf"`((?:{packages})(?:\.\w+)+)`", text):
        # The last part may be a name in the module.
        parts = dotted.split(".")
        modules = [ROOT.joinpath(*parts[:end]) for end in (len(parts), len(parts) - 1)]
        assert any(path.is_dir() or path.with_suffix(".py").is_file() for path in modules), dotted


def test_each_idle_time_of_a_balancer_allows_the_heartbeat() -> None:
    """A connection has something in both directions well before the shortest of them is over."""
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    table = page.partition("| balancer | idle time")[2].partition("\n\n")[0]
    times = [re.search(r"\[?(\d+) (s|min)\b", row.split(" | ")[1]) for row in table.splitlines()[2:]]
    assert len(times) > 5
    seconds = [int(time[1]) * (60 if time[2] == "min" else 1) for time in times if time]
    assert len(seconds) == len(times)
    assert min(seconds) >= 1.5 * Settings().heartbeat_s
    assert "two\nthirds of the shortest" in page


def test_the_faults_told_are_of_the_times_configured() -> None:
    """Two of the figures follow from a setting; with another, they would have to be measured again."""
    faults = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert f"nothing received for {StreamTiming().quiet_s:g} s" in faults
    configured = (ROOT / "deploy" / "gunicorn.conf.py").read_text(encoding="utf-8")
    timeout = re.search(r"^timeout = (\d+)$", configured, re.MULTILINE)
    assert timeout is not None
    assert f"{timeout[1]} s as configured" in faults
