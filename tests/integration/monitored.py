"""A cluster that a real Prometheus watches, with the configuration and the rules of ``deploy/prometheus``."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from json import loads
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from deploy.grafana.prometheus import Prometheus
from deploy.launcher.programs import PYTHON, Plan
from deploy.ports import free_port
from market.process.version import version
from tests.integration.stacks import cluster_plan
from tests.prometheus import running_prometheus

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "docs" / "runbook.md"

Alerts = dict[tuple[str, str], str]
"""Name and instance, which may be empty -> ``pending`` or ``firing``."""


def monitored_plan(**settings: str) -> Plan:
    """A cluster whose poller can be asked for metrics too."""
    return cluster_plan(POLLER_METRICS_PORT=str(free_port()), **settings)


def set_for(plan: Plan, gateway: str, **settings: str) -> Plan:
    """``plan`` with settings of one gateway's own."""
    return replace(
        plan,
        gateways=tuple(
            replace(its, env={**its.env, **settings}) if its.name == gateway else its for its in plan.gateways
        ),
    )


def with_second_poller(plan: Plan, **settings: str) -> Plan:
    """``plan`` with a poller that stands by: one more of the last stage, which listens nowhere.

    Its own ``settings`` may give it another bus.
    """
    env = {**plan.poller.env, "POLLER_METRICS_PORT": str(free_port()), **settings}
    return replace(plan, gateways=(*plan.gateways, replace(plan.poller, name="second", env=env)))


def targets(plan: Plan) -> dict[str, list[str]]:
    """Name of each job of ``prometheus.yaml`` -> the addresses that it asks of this plan."""
    pollers = (plan.poller, *(its for its in plan.gateways if not its.listens))
    return {
        "tickgate-gateway": [str(address) for gateway in plan.gateways for address in gateway.listens],
        "tickgate-poller": [f"127.0.0.1:{its.env['POLLER_METRICS_PORT']}" for its in pollers],
        "tickgate-haproxy": [] if plan.haproxy is None else [plan.haproxy.env["TICKGATE_STATS_BIND"]],
    }


def of_another_version(plan: Plan, gateway: str, folder: Path) -> Plan:
    """``plan`` with one gateway that runs from a copy of this tree in ``folder``, whose version is another."""
    for name in ("gateway", "market", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    (folder / "setup.cfg").write_text(text.replace(f"version = {version()}\n", "version = 0.0.1\n"), encoding="utf-8")
    plan = set_for(plan, gateway, PYTHONPATH=str(folder))
    # gunicorn would put the working directory before it.
    own = tuple(replace(its, command=(*PYTHON, "gateway")) if its.name == gateway else its for its in plan.gateways)
    return replace(plan, gateways=own)


@contextmanager
def watched(plan: Plan, folder: Path, **waits: str) -> Iterator[str]:
    """A Prometheus that watches the plan's programs; its URL.

    ``waits`` are of alerts that would have to last for an hour: how long they have to last here.
    """
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    (name,) = config["rule_files"]
    rules = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"] if rule["alert"] in waits):
        rule["for"] = waits[rule["alert"]]
    (folder / name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    addresses = targets(plan)
    for job in config["scrape_configs"]:
        (group,) = job["static_configs"]
        group["targets"] = addresses[job["job_name"]]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with running_prometheus(folder / "prometheus.yaml") as url:
        yield url


def alerts(url: str) -> Alerts:
    """What is pending or firing now."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        connection.request("GET", "/api/v1/alerts")
        found = loads(connection.getresponse().read())["data"]["alerts"]
    finally:
        connection.close()
    return {(each["labels"]["alertname"], each["labels"].get("instance", "")): each["state"] for each in found}


async def until_alert(url: str, name: str, state: str | None, within_s: float = 90, instance: str = "") -> Alerts:
    """Wait until an alert is in a state, or gone if that is None; what there is then.

    Raises:
        TimeoutError: it did not come to that.
    """
    async with asyncio.timeout(within_s):
        while True:
            found = await asyncio.to_thread(alerts, url)
            if found.get((name, instance)) == state:
                return found
            await asyncio.sleep(0.2)


async def until_value(url: str, query: str, within_s: float = 90) -> None:
    """Wait until a query has an answer.

    Raises:
        TimeoutError: it had none.
    """
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(Prometheus(url).now, query):  # noqa: ASYNC110 - it sends no event
            await asyncio.sleep(0.2)


def commands(section: str) -> list[str]:
    """The commands of a section of the runbook, a line each."""
    text = re.split(rf"^## {section}$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    blocks = re.findall(r"^```sh\n(.*?)^```", text.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def carried_out(section: str, plan: Plan, url: str, gateway: str) -> dict[str, tuple[int, str]]:
    """Each command of a section -> its exit code and what it says, as a person would have it in a shell."""
    env = {
        **os.environ,
        **{name: plan.poller.env[name] for name in ("BUS_URL", "FEED", "SYMBOLS")},
        "P": url,
        "G": f"http://{gateway}",
        "POLLER": f"http://127.0.0.1:{plan.poller.env['POLLER_METRICS_PORT']}",
    }
    done = {}
    for command in commands(section):
        ran = subprocess.run(
            ["/bin/sh", "-c", command], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        done[command] = ran.returncode, ran.stdout + ran.stderr
    return done
