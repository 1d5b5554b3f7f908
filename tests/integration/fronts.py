"""What stands between clients and one gateway: nothing, or HAProxy with ``haproxy.cfg``."""

import sys
from dataclasses import replace

from deploy.ports import Address, free_port
from deploy.programs import Plan, plan_cluster
from tests.integration.stacks import GATEWAY_COUNT, cluster_environment


def behind_haproxy(**settings: str) -> Plan:
    """Valkey, poller, one gateway and HAProxy, on free ports."""
    address = f"127.0.0.1:{free_port()}"
    numbered = {f"TICKGATE_GATEWAY_{number}": "" for number in range(2, GATEWAY_COUNT + 1)}
    plan = plan_cluster(cluster_environment(**settings) | numbered | {"TICKGATE_GATEWAY_1": address})
    (gateway,) = plan.gateways
    alone = replace(gateway, name="gateway", command=(sys.executable, "-m", "gateway"))
    return replace(plan, gateways=(alone,), restart=False)


def straight_address(plan: Plan) -> Address:
    """Where the one gateway itself listens, whatever stands in front of it."""
    (gateway,) = plan.gateways
    return gateway.listens[0]
