"""The chart in ``deploy/helm`` agrees with the settings, with its own schema and with the tree.

What Helm makes of it is looked at in ``tests/integration/test_deployment_tools.py``.
"""

import json
import re
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from gateway.settings import Settings
from poller.settings import PollerSettings
from tests.deploy.test_docker import ROOT, SETTINGS, arguments

CHART = ROOT / "deploy" / "helm" / "tickgate"
SCHEMA = Draft7Validator(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir())}


def values() -> dict[str, Any]:
    """The values of ``values.yaml``, new each time."""
    read: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return read


def test_the_values_fit_their_schema() -> None:
    """And each of them is in it."""
    assert [] == [error.message for error in SCHEMA.iter_errors(values())]
    assert values().keys() == SCHEMA.schema["properties"].keys() - {"global"}
    for name, schema in SCHEMA.schema["properties"].items():
        if "properties" in schema:
            assert values()[name].keys() == schema["properties"].keys(), name


def _unknown(given: dict[str, Any]) -> None:
    given["gateway"]["replica"] = 3


def _password(given: dict[str, Any]) -> None:
    given["settings"]["BUS_URL"] = "redis://:secret@valkey/0"


def _port(given: dict[str, Any]) -> None:
    given["gateway"]["port"] = 80


def _number(given: dict[str, Any]) -> None:
    given["gateway"]["settings"]["MAX_CONNECTIONS"] = 20000


@pytest.mark.parametrize("spoil", [_unknown, _password, _port, _number])
def test_the_schema_refuses_what_would_not_work(spoil: Callable[[dict[str, Any]], None]) -> None:
    """A wrong name, a secret in a manifest, a port that only root may open, a number where Kubernetes wants text."""
    given = values()
    spoil(given)
    assert not SCHEMA.is_valid(given)


def test_every_variable_of_the_chart_is_a_setting() -> None:
    """In the values, and in the templates."""
    given = values()
    named = {*given["settings"], *given["gateway"]["settings"], *given["poller"]["settings"]}
    quoted = re.findall(r'"([A-Z][A-Z0-9_]+)"', "".join(TEMPLATES.values()))
    assert {"TICKGATE_CONFIG", "GATEWAY_PRIVATE_PORT", "POLLER_METRICS_PORT"} <= set(quoted)
    assert named | set(quoted) <= SETTINGS
    # Whoever sets one of them in the values would have two of them.
    fixed = SCHEMA.schema["definitions"]["settings"]["propertyNames"]["not"]["enum"]
    assert set(quoted) <= set(fixed)


def test_the_programs_start_with_these_settings() -> None:
    """Both can read the variables that the chart gives them."""
    given = values()
    gateway = Settings.from_environ({**given["settings"], **given["gateway"]["settings"], "GATEWAY_HOST": "0.0.0.0"})  # noqa: S104
    assert gateway.may_be_public
    poller = PollerSettings.from_environ({**given["settings"], **given["poller"]["settings"]})
    assert poller.feed != "auto"
    assert given["autoscaling"]["connectionsPerGateway"] < int(given["gateway"]["settings"]["MAX_CONNECTIONS"])


def test_a_gateway_leaves_the_balancer_before_it_drains() -> None:
    """With time between."""
    gateway = values()["gateway"]
    assert gateway["preStopSeconds"] > gateway["balancerSeconds"] > 0


def test_ports_differ() -> None:
    """One is for clients, one for probes."""
    gateway = values()["gateway"]
    assert gateway["port"] != gateway["privatePort"]


def test_the_chart_has_this_version() -> None:
    """The one of setup.cfg, so that the image is found."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert {config["metadata"]["version"]} == {chart["version"], chart["appVersion"]}


def test_the_user_is_the_one_of_the_image() -> None:
    """In each place."""
    (user,) = arguments("USER")
    assert {user.partition(":")[0]} == set(
        re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", TEMPLATES["_helpers.tpl"])
    )


def test_metrics_that_scale_it_exist() -> None:
    """In the reference of metrics."""
    (name,) = re.findall(r"metric: \{name: (\w+)\}", TEMPLATES["autoscaling.yaml"])
    assert f"| `{name}` | gauge |" in Path(ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
