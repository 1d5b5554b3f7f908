"""All gateways are restarted, one after the other, under load."""

import os
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.faults import SYMBOLS, now, tell
from tests.integration.haproxy_stats import connections_of, until_state
from tests.integration.reconnecting_clients import LEFT, peak_rate, reconnecting
from tests.integration.stacks import cluster_plan, running

# Alone: the rate of connects and the longest gap are measured, under hundreds of clients.
pytestmark = [pytest.mark.integration, pytest.mark.haproxy, pytest.mark.alone]

CLIENTS = int(os.environ.get("TICKGATE_ROLLING_CLIENTS", "400"))
DEAF = 0.5
"""This share of the clients does not know `shutdown` and waits for 1012."""
DRAIN_SECONDS = 4
LEAVE_S = DRAIN_SECONDS / 2
"""In which clients are sent away: a third of the drain is for the balancer, and a quarter of the rest for slow
consumers."""
WINDOW_S = 0.5
"""Rates are of any half second. All clients of a gateway at once would be four times the even rate."""
GAP_LIMIT_S = 3.0
STOP_WITHIN_S = DRAIN_SECONDS + 6


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    """HAProxy, a child of ours, needs two for each client, and we one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_rolling_restart_causes_no_storm_and_leaves_nobody_without_prices() -> None:
    """Each gateway ends with 0 in time; clients come back evenly, heed they `shutdown` or not; none waits for 3 s.

    The bound of the connect rate is twice that of clients who come at equal distances.
    """
    async with (
        running(cluster_plan(DRAIN_SECONDS=str(DRAIN_SECONDS))) as stack,
        reconnecting(stack.plan.front, CLIENTS, SYMBOLS, max_hz=2, deaf=DEAF, connects_per_s=250) as clients,
    ):
        began = now()
        most, slowest_s = 0, 0.0
        for gateway in (program.name for program in stack.plan.gateways):
            most = max(most, await connections_of(stack, gateway))
            told = now()
            assert await stack.stop_one(gateway) == 0
            slowest_s = max(slowest_s, now() - told)
            await stack.start_one(gateway)
            await stack.until_ready(gateway)
            await until_state(stack, gateway, "UP")
        gap_s = max(client.gap_s for client in clients)
        peak = peak_rate([at for client in clients for at in client.connects if at >= began], WINDOW_S)
        even = most / LEAVE_S
        ends = sum((client.ends for client in clients), start=Counter[int]())
        tell(
            f"rolling restart under {CLIENTS} clients",
            longest_gap=gap_s,
            peak=f"{peak:.0f} connects/s",
            even_would_be=f"{even:.0f} connects/s",
            slowest_stop=slowest_s,
        )
        assert slowest_s < STOP_WITHIN_S
        assert ends.keys() <= {LEFT, 1012}
        assert [refusal for client in clients for refusal in client.refused] == []
        assert gap_s < GAP_LIMIT_S
        assert peak <= 2 * even
