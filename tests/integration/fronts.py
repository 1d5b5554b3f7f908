"""What stands between clients and one gateway: nothing, or HAProxy with ``haproxy.cfg``."""

import os
from dataclasses import replace

from deploy.launcher.programs import Plan, find_haproxy, plan_cluster
from tests.integration.stacks import GATEWAY_COUNT, cluster_environment, run_plan


def behind_haproxy(**settings: str) -> Plan:
    """Valkey, poller, one gateway and HAProxy, on free ports."""
    plan = run_plan(**settings)
    (gateway,) = plan.gateways
    numbered = {f"TICKGATE_GATEWAY_{number}": "" for number in range(1, GATEWAY_COUNT + 1)}
    numbered["TICKGATE_GATEWAY_1"] = str(gateway.listens[0])
    return replace(plan, haproxy=plan_cluster(cluster_environment(**settings) | numbered).haproxy)


def both_ways(**settings: str) -> Plan:
    """The same, for clients that are to come both ways (see `tests.client.BothWays`).

    Where there is no HAProxy they come straight only, unless this is CI.
    """
    if find_haproxy() is None and os.environ.get("CI") != "true":
        print("HAProxy is not installed: nothing is tested through it")  # noqa: T201
        return run_plan(**settings)
    return behind_haproxy(**settings)
