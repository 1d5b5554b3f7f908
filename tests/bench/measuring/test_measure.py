"""One scenario against real servers."""

import pytest

from bench.host.processes import ProcessError
from bench.measuring import measure
from bench.measuring.measure import Bench
from bench.scenarios import Kind, Scenario
from bench.servers import front
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.contenders import Contender, WriteRate

# Not alone: what is asserted is that everything is counted and right, not how fast it was.
pytestmark = pytest.mark.integration


def scenario(kind: Kind = "steady", slow: int = 0) -> Scenario:
    """Make a scenario that is over in a moment."""
    return Scenario(
        name="tiny", about="", kind=kind, clients=5, each=10, ticks_per_s=500, burst=100, stalled=slow, trickling=slow
    )


@pytest.fixture(autouse=True)
def _no_long_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """These figures are for nobody."""
    monkeypatch.setattr(measure, "_WARM_UP_S", 0.3)


@pytest.mark.parametrize("name", ["gateway", "send_str"])
def test_ticks_are_counted_timed_and_found_right(bench: Bench, name: str) -> None:
    """Five clients with ten of a hundred symbols get 250 of 500 ticks a second, and no audit finds a fault."""
    result = bench.run(scenario(), CONTENDERS[name], 1, 1.0, None)
    assert result.faults == []
    assert result.audited > 0
    assert result.ticks_per_s == pytest.approx(250, rel=0.5)
    assert result.cpu_us_per_tick is not None
    assert result.p50_ms is not None


def test_a_storm_gets_the_right_snapshots(bench: Bench) -> None:
    """Every client holds exactly the last value of each symbol it asked for."""
    result = bench.run(scenario("storm"), CONTENDERS["gateway"], 1, 1.0, None)
    assert result.faults == []
    assert result.snapshots_right == 1


def test_a_stalled_client_is_told_what_it_got(bench: Bench) -> None:
    """Fast clients are timed with slow ones beside, and a stalled one gets current prices."""
    result = bench.run(scenario("slow", slow=2), CONTENDERS["gateway"], 1, 1.0, None)
    assert result.faults == []
    assert result.older_kb is not None
    assert result.p99_alone_ms is not None


def test_a_floor_writes_what_it_is_told(bench: Bench) -> None:
    """Twenty writes a second of two ticks and a half to each of five sockets."""
    floor = CONTENDERS["floor"]
    if floor.missing():
        pytest.skip(floor.missing())
    result = bench.run(scenario(), floor, 1, 1.0, WriteRate(20, 2.5))
    assert result.faults == []
    assert result.ticks_per_s == pytest.approx(250, rel=0.5)


@pytest.mark.skipif(front.find() is None, reason="HAProxy is not installed (Debian: apt-get install haproxy)")
@pytest.mark.parametrize(
    "way",
    ["haproxy", pytest.param("haproxy-tcp-proxy", marks=pytest.mark.long("bench", "gateway", "market", "haproxy.cfg"))],
)
def test_a_gateway_is_measured_through_haproxy(bench: Bench, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ticks come, no audit finds a fault, and both have a part in what a tick costs."""
    monkeypatch.setattr(bench, "fronted", way)
    result = bench.run(scenario(), CONTENDERS["gateway"], 1, 1.0, None)
    assert result.faults == []
    assert result.audited > 0
    assert result.ticks_per_s == pytest.approx(250, rel=0.5)
    assert result.cpu_us_per_tick is not None
    assert result.gateway_us_per_tick is not None
    assert result.front_us_per_tick is not None
    assert 0 < result.front_us_per_tick < result.cpu_us_per_tick


def test_a_gateway_that_ends_tls_is_measured_through_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ticks come to clients that speak TLS, and no audit finds a fault."""
    monkeypatch.setattr(bench, "tls", True)
    result = bench.run(scenario(), CONTENDERS["gateway"], 1, 1.0, None)
    assert result.faults == []
    assert result.audited > 0
    assert result.ticks_per_s == pytest.approx(250, rel=0.5)


def test_a_server_that_does_not_start_is_an_error(bench: Bench) -> None:
    """The message has its last words."""
    broken = Contender("broken", "", "", module="bench.no_such_server")
    with pytest.raises(ProcessError, match="No module named"):
        bench.run(scenario(), broken, 1, 1.0, None)
