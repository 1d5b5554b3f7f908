"""``tickgate chaos`` on a real deployment."""

import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from deploy.chaos import command
from deploy.chaos.command import main
from deploy.chaos.faults import FAULTS, Signal
from deploy.chaos.network.connections import connections_of
from deploy.chaos.network.kernel import TABLE, program
from deploy.chaos.observer import Sight
from deploy.chaos.trial import NotMade, Outcome
from deploy.launcher.programs import Plan
from tests.deploy.chaos.network.rights import group, require_network
from tests.exchange.server import Exchange
from tests.integration.faults import SYMBOLS, with_gateways
from tests.integration.stacks import environment, run_plan, running

LONG = pytest.mark.long("deploy/chaos", "gateway", "poller", "market")
OF_THE_NETWORK = [fault.name for fault in FAULTS if not isinstance(fault.way, Signal)]
KEPT = Outcome(FAULTS[0], "it", 2.9, 9.0, 5, is_over=True, is_back=True, sight=Sight([(0.0, 0.1, 0.1)]))
BROKEN = replaced(KEPT, is_over=False)
NONE = NotMade(FAULTS[4], "only root may")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["http://127.0.0.1:8080/"], "is no WebSocket's"),
        (["--faults", "gateway-frozen,flood"], "there is no 'flood'"),
        (["--faults", "gateway-killed"], "only with --kill"),
        (["--for", "0"], "--for"),
        (["--clients", "5000"], "--clients"),
        (["--bus", "127.0.0.1"], "is not an address; write host:port"),
    ],
)
def test_wrong_arguments(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """2, and one line."""
    with pytest.raises(SystemExit) as end:
        main(arguments, "tickgate chaos")
    assert 2 == end.value.code
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line


def test_where_nothing_runs_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """2, and what to do."""
    assert 2 == main(["--gateway", "http://127.0.0.1:1"], "tickgate chaos")
    assert "name one with --gateway" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "outcomes", "code"),
    [
        ("", (KEPT, NONE), 0),
        ("--faults=gateway-frozen,gateway-link-lost", (KEPT, NONE), 1),
        ("--faults=gateway-frozen,gateway-link-lost", (KEPT, KEPT), 0),
        ("", (KEPT, BROKEN), 1),
        ("", (NONE, NONE), 1),
    ],
)
def test_what_was_not_made_is_not_kept(
    argument: str, outcomes: Sequence[Outcome | NotMade], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 if a fault was asked for by its name and not made, or if none was; others may be missing."""

    async def ran(*_: object) -> list[Outcome | NotMade]:
        return list(outcomes)

    monkeypatch.setattr(command, "_run", ran)
    assert code == command.main([argument] if argument else [], "tickgate chaos")


async def all_kept(plan: Plan, faults: Sequence[str], folder: Path, *options: str) -> int:
    """Make ``faults`` in what ``plan`` runs, by the command; all are kept. Return the process id that it had."""
    front, page = plan.gateways[0].listens[0], folder / "page.html"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "chaos", f"ws://{front}/ws", "--gateway", f"http://{front}"),
        *("--faults", ",".join(faults), "--clients", "5", "--report", str(page), *options),
        stdout=PIPE, stderr=PIPE, env=environment(),
    )  # fmt: skip
    output, errors = await process.communicate()
    print(output.decode(), errors.decode())  # noqa: T201 - pytest shows it on failure
    lines = output.decode().splitlines()
    assert 0 == process.returncode
    assert len(faults) == len(lines)
    assert all(line.endswith(": kept") for line in lines)
    assert len(faults) == page.read_text().count('class="kept"')
    return process.pid


@LONG
@pytest.mark.integration
async def test_faults_of_a_running_deployment_keep_the_promises(tmp_path: Path) -> None:
    """What is frozen is announced and goes on; what is killed is started again."""
    plan = replace(with_gateways(run_plan(), one={}, two={}), restart=True)
    async with running(plan) as stack:
        assert plan.bus is not None
        bus = stack[next(iter(plan.bus)).name].pid
        signals = [fault.name for fault in FAULTS if isinstance(fault.way, Signal)]
        assert 7 == len(signals)
        await all_kept(plan, signals, tmp_path, "--kill", "--for", "6", "--bus-pid", str(bus))


@asynccontextmanager
async def quoting() -> AsyncIterator[Exchange]:
    """An exchange on this machine, whose prices never stop."""

    async def quote() -> None:
        for step in itertools.count():
            for symbol in SYMBOLS:
                exchange.quote(symbol, bid=f"{100 + step % 50}.00000000", ask="151.00000000")
            await asyncio.sleep(0.1)

    async with Exchange(SYMBOLS) as exchange:
        task = asyncio.create_task(quote())
        try:
            yield exchange
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@LONG
@pytest.mark.integration
@pytest.mark.timeout(300)  # its faults last 80 s
async def test_faults_of_the_network_keep_the_promises_and_are_gone_afterwards(tmp_path: Path) -> None:
    """Each is really made, by the rules of this kernel, and neither a rule nor a cgroup of ours is left."""
    require_network()
    async with quoting() as exchange:
        settings = {"BINANCE_REST_URL": exchange.rest_url, "BINANCE_WS_URL": exchange.ws_url}
        plan = with_gateways(run_plan(FEED="binance-ws", SYMBOLS=",".join(SYMBOLS), **settings), one={}, two={})
        async with running(plan) as stack:
            groups = {process.pid: group(process.pid) for process in stack}
            pid = await all_kept(plan, OF_THE_NETWORK, tmp_path, "--for", "10")
            listing = await asyncio.create_subprocess_exec(program("nft"), "list", "tables", stdout=PIPE)
            tables, _ = await listing.communicate()
            assert f"{TABLE}_{pid}" not in tables.decode()
            assert groups == {one.pid: group(one.pid) for one in stack}
            assert all(connections_of(pid) for pid in groups)
