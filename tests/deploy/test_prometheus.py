"""The files for Prometheus: its configuration, and alerts, each of which is tested and explained."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus import assert_queries, exported, metrics_of, promtool
from tests.test_readme import anchors

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
TESTS = ("rules_test.yaml", "rules_hours_test.yaml")
CASES: dict[str, dict[str, Any]] = {name: yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in TESTS}
RUNBOOK = "docs/runbook.md"


def _alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}


def _sections() -> dict[str, str]:
    """Heading of the runbook -> the text below it."""
    _, *parts = re.split(r"^## (.+)$", (ROOT / RUNBOOK).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_configuration_can_be_used() -> None:
    """Prometheus starts with it, and finds its rules."""
    checked = promtool("check", "config", "prometheus.yaml", folder=FOLDER)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(_alerts())} rules found" in checked.stdout


def test_each_alert_fires_and_is_silent_as_its_tests_say() -> None:
    """All of both files."""
    tested = promtool("test", "rules", *TESTS, folder=FOLDER)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", _alerts())
def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    """A test is named for the alert, and what it is named for is what it looks at."""
    said = set()
    for case in (case for cases in CASES.values() for case in cases["tests"]):
        name, does, _ = case["name"].split(maxsplit=2)
        if name != alert:
            continue
        looks = case["alert_rule_test"]
        assert {alert} == {look["alertname"] for look in looks}
        assert does.rstrip(":") == ("fires" if looks[-1]["exp_alerts"] else "is"), case["name"]
        said.add(does)
    assert said == {"fires:", "is"}


@pytest.mark.parametrize(("wrong", "kind"), [("vector(1) > 2", "fires:"), ("vector(1)", "is silent:")])
def test_the_tests_notice_a_rule_that_never_fires_and_one_that_always_does(
    wrong: str, kind: str, tmp_path: Path
) -> None:
    """Each alert's own tests fail where its expression is another."""
    rules = [{"alert": name, "for": rule.get("for", "0s"), "expr": wrong} for name, rule in _alerts().items()]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "wrong", "rules": rules}]}))
    for name, cases in CASES.items():
        chosen = [case for case in cases["tests"] if f" {kind}" in case["name"]]
        (tmp_path / name).write_text(yaml.safe_dump({**cases, "tests": chosen}))
    tested = promtool("test", "rules", *TESTS, folder=tmp_path)
    failed = set(re.findall(r"alertname: (\w+), time:", tested.stdout + tested.stderr))
    assert failed == _alerts().keys(), tested.stderr


@pytest.mark.parametrize("alert", _alerts())
def test_each_alert_says_how_bad_it_is_and_where_to_read_on(alert: str) -> None:
    """The runbook's section has its name, and says what it means, how to look and what to do."""
    rule = _alerts()[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == RUNBOOK
    assert anchor in anchors((ROOT / page).read_text(encoding="utf-8"))
    section = _sections()[alert]
    for part in ("**Means.**", "**Look.**", "```sh\n"):
        assert part in section
    assert "**Do.**" in section or "| do |" in section


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    """Sections named like alerts are alerts, and the table of the first minute names each."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert {name for name in _sections() if name.startswith("Tickgate")} == _alerts().keys()
    assert set(re.findall(r"^\| \[(Tickgate\w+)\]", text, re.MULTILINE)) == _alerts().keys()


def _queries() -> Iterator[str]:
    """Each query of the runbook's commands."""
    for block in re.findall(
        r"^```sh\n(.*?)^```", (ROOT / RUNBOOK).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield from re.findall(r"promtool query instant \$P '([^']+)'", block)


def test_the_queries_of_the_runbook_can_be_asked(tmp_path: Path) -> None:
    """Each one is PromQL."""
    assert_queries(list(_queries()), tmp_path)


def test_alerts_their_tests_and_the_runbook_name_metrics_that_are_exported() -> None:
    """A metric that was renamed is found wherever somebody asks for it."""
    known = exported()
    asked = {name: metrics_of(rule["expr"]) for name, rule in _alerts().items()}
    asked["the runbook"] = {name for query in _queries() for name in metrics_of(query)}
    asked["the tests"] = {
        name
        for cases in CASES.values()
        for case in cases["tests"]
        for series in case["input_series"]
        for name in metrics_of(series["series"].partition("{")[0])
    }
    assert {where: names - known for where, names in asked.items() if names - known} == {}
