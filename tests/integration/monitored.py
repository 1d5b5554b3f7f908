"""A cluster that a real Prometheus watches, with the configuration and the rules of ``deploy/prometheus``."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from json import loads
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from deploy.launcher.programs import Plan
from deploy.ports import free_port
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


def with_second_poller(plan: Plan) -> Plan:
    """``plan`` with a poller that stands by: one more of the last stage, which listens nowhere."""
    env = {**plan.poller.env, "POLLER_METRICS_PORT": str(free_port())}
    return replace(plan, gateways=(*plan.gateways, replace(plan.poller, name="second", env=env)))


def targets(plan: Plan) -> dict[str, list[str]]:
    """Name of each job of ``prometheus.yaml`` -> the addresses that it asks of this plan."""
    assert plan.haproxy is not None
    pollers = (plan.poller, *(its for its in plan.gateways if not its.listens))
    return {
        "tickgate-gateway": [str(address) for gateway in plan.gateways for address in gateway.listens],
        "tickgate-poller": [f"127.0.0.1:{its.env['POLLER_METRICS_PORT']}" for its in pollers],
        "tickgate-haproxy": [plan.haproxy.env["TICKGATE_STATS_BIND"]],
    }


@contextmanager
def watched(plan: Plan, folder: Path) -> Iterator[str]:
    """A Prometheus that watches the plan's programs; its URL."""
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
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
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
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
