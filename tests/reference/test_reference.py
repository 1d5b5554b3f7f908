"""The reference in docs/ says what the code does: nothing is missing from it, and nothing in it is made up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from deploy.probe.report import families
from deploy.probe.verdict import Bounds, Seen, findings
from gateway.auth.grant import Code
from gateway.binance.commands import METHODS
from gateway.errors import REFUSALS
from gateway.protocol import messages
from gateway.protocol.encodings import ENCODINGS
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.framing.parser import FailureCode
from market.metrics.family import Family
from market.settings.config import CONFIG, KNOWN
from tests.reference import metrics, protocol
from tests.reference.configuration import HAPROXY, names_of, of_haproxy, variables
from tests.reference.pages import COMMAND, DOCS, PAGES, parts, renewed
from tests.reference.sources import ROOT

PROGRAMS = ("market", "poller", "gateway", "deploy")
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]

OTHER_CAPITALS = {
    *("PRICE_FILTER", "LOT_SIZE", "CANCEL_ONLY", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"),
    *("TCP_USER_TIMEOUT", "TCP_NOTSENT_LOWAT", "SC_PAGE_SIZE", "SC_PHYS_PAGES"),
    "OTHER_VENUES",
    # Of deploy/kafka.sh.
    "MAVEN_REPO",
    # Of loadtest/runs/_options.py.
    *("LOAD_SYMBOLS", "LOAD_BATCH", "LOAD_TOKEN", "LOAD_SHAPE", "LOAD_REPORT", "LOAD_MIX", "LOAD_SLOW_RATE"),
    *("LOAD_TOKEN_KEY", "LOAD_TOKEN_COMMAND", "LOAD_TOKEN_SUBJECT", "LOAD_TOKEN_TTL", "LOAD_TOKEN_ISSUER"),
    "LOAD_TOKEN_AUDIENCE",
    # Of systemd.
    *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"),
}
"""Words of the exchange, of the system, and of the code itself."""

OF_TESTS = {"TICKGATE_ROLLING_CLIENTS"}
"""A variable of a test."""


def calls(package: str) -> Iterator[ast.Call | ast.Subscript]:
    """Every call, and every lookup by key, in a package."""
    for module in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call | ast.Subscript):
                yield node


def words(node: ast.Call | ast.Subscript) -> list[object]:
    """The constants that are passed, or looked up."""
    passed = node.args if isinstance(node, ast.Call) else [node.slice]
    return [each.value for each in passed if isinstance(each, ast.Constant)]


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_up_to_date(name: str) -> None:
    """Each generated part is what the code makes now."""
    assert (DOCS / name).read_text(encoding="utf-8") == renewed(name), f"docs/{name} is not up to date: run `{COMMAND}`"


def test_every_variable_is_in_the_reference() -> None:
    """Each variable that a program or haproxy.cfg reads has a row, and each row is of one that is read."""
    told = [name for row in variables() for name in names_of(row)]
    assert sorted(KNOWN | {CONFIG}) == sorted(told)
    read = {
        word
        for package in PROGRAMS
        for node in calls(package)
        for word in words(node)
        if isinstance(word, str) and re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+|SYMBOLS|FEED|VENUES?", word)
    }
    assert read - OTHER_CAPITALS <= set(told)


def test_haproxy_cfg_names_every_variable_and_its_default() -> None:
    """They name each variable that the rest of the file reads, with the default that it has there."""
    rest = "".join(line for line in HAPROXY.read_text(encoding="utf-8").splitlines(keepends=True) if line[:1] != "#")
    read = set(re.findall(r"TICKGATE_[A-Z_]+[A-Z](?:_[0-9]+)?", rest))
    assert read == {name for row in of_haproxy() for name in names_of(row)}
    defaults = set(re.findall(r"\$\{(\w+)-([^}]*)\}", rest))
    assert {(row.name, row.default) for row in of_haproxy() if row.default} == defaults


def test_every_row_has_a_meaning() -> None:
    """No field, code or metric is left without words."""
    for page in PAGES:
        for text in parts(page).values():
            assert re.search(r"\|\s*\|$", text, re.MULTILINE) is None, text


def test_every_message_has_a_section() -> None:
    """Commands and messages are there, each once, with an example."""
    assert set(protocol.COMMANDS) == set(get_args(messages.AnyCommand))
    assert [type(each) for each in protocol.MESSAGES] == [
        kind for kind in dict.fromkeys(map(type, protocol.MESSAGES)) if kind in messages.Message.__subclasses__()
    ]
    assert {type(each) for each in protocol.MESSAGES} == set(messages.Message.__subclasses__())


@pytest.mark.parametrize("kind", protocol.COMMANDS)
def test_examples_of_commands_can_be_sent(kind: type[messages.Command]) -> None:
    """A gateway reads each as the command that it is an example of."""
    decode = ENCODINGS["tickgate.v1.json"].decode
    assert type(decode(protocol.COMMANDS[kind].encode())) is kind


def test_every_close_code_is_in_the_reference() -> None:
    """The table has each code that a gateway closes with, and no other."""
    told = [int(code) for code in re.findall(r"^\| (\d{4}) \|", protocol.close_codes(), re.MULTILINE)]
    assert sorted([*(reason.code for reason in CloseReason), *FailureCode]) == told


def test_every_refusal_is_in_the_reference() -> None:
    """Each status and code that a gateway refuses with has a meaning; each meaning is of one that it refuses with."""
    raised: set[tuple[int, str]] = {(401, code) for code in get_args(Code)}
    reasons = set()
    for node in calls("gateway"):
        match node:
            case ast.Call(
                func=ast.Name(id="RefusalError"), args=[ast.Constant(value=int(status)), reason, *_], keywords=[]
            ):
                if isinstance(reason, ast.Constant):
                    raised.add((status, str(reason.value)))
                else:
                    reasons.add(status)
            case ast.Call(func=ast.Name(id="unauthorised"), args=[_, ast.Constant(value=code)]):
                raised.add((401, str(code)))
    assert raised <= set(REFUSALS)
    # The rest is chosen where it is raised.
    assert {status for status, _ in set(REFUSALS) - raised} <= reasons
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway" / "admission").rglob("*.py"))
    assert {code for _, code in set(REFUSALS) - raised if f'"{code}"' not in text} == set()


def of_probe() -> list[Family]:
    """What `tickgate probe --textfile` writes."""
    seen = Seen(connect_s=1, ages_s=[1], certificate_ends_s=1)
    return list(families(seen, list(findings(seen, Bounds(), 0)), 0))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_settings_and_metrics_that_a_page_names_exist(page: Path) -> None:
    """A variable, in code letters, is one that is read; a metric is one that is counted."""
    text = page.read_text(encoding="utf-8")
    known = {name for row in variables() for name in names_of(row)} | OTHER_CAPITALS | OF_TESTS | set(METHODS)
    named = {word for span in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\b[A-Z]+_[A-Z_]*[A-Z]\b", span)}
    assert named - known == set()
    counted = {family.name for family in metrics.all_metrics()}
    counted |= {family.name for family in of_probe()}
    # The client for Python has such a name, too.
    assert set(re.findall(r"\btickgate_(?!client\b)[a-z_]+[a-z]\b", text)) - counted == set()
