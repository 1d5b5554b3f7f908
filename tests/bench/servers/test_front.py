"""What may stand in front of a gateway while it is measured."""

import pytest

from bench.host.processes import ROOT
from bench.host.trees import FRONT
from bench.servers.front import ALL, BEHIND, HAPROXYS, behind


@pytest.mark.parametrize("name", HAPROXYS)
def test_what_is_replaced_in_the_configuration_is_in_it(name: str) -> None:
    """Each once: another way of HAProxy is never measured as it ships."""
    text = (ROOT / FRONT).read_text(encoding="utf-8")
    assert [text.count(old) for old, _ in HAPROXYS[name]] == [1] * len(HAPROXYS[name])


def test_where_a_proxy_header_must_come_first_the_bench_asks_another_port() -> None:
    """It sends none itself."""
    announced = [name for name in ALL if behind(name) != BEHIND]
    assert announced == ["haproxy-tcp-proxy"]
    assert {"GATEWAY_ACCEPT_PROXY", "GATEWAY_PRIVATE_PORT"} == {*behind(announced[0])}
