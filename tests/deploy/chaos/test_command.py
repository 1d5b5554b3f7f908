"""``tickgate chaos`` on a real deployment."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.chaos.command import main
from tests.integration.faults import with_gateways
from tests.integration.stacks import environment, run_plan, running

LONG = pytest.mark.long("deploy/chaos", "gateway", "poller", "market")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["http://127.0.0.1:8080/"], "is no WebSocket's"),
        (["--faults", "gateway-frozen,flood"], "there is no 'flood'"),
        (["--faults", "gateway-killed"], "only with --kill"),
        (["--for", "0"], "--for"),
        (["--clients", "5000"], "--clients"),
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


@LONG
@pytest.mark.integration
async def test_faults_of_a_running_deployment_keep_the_promises(tmp_path: Path) -> None:
    """What is frozen is announced and goes on; what is killed is started again."""
    plan = replace(with_gateways(run_plan(), one={}, two={}), restart=True)
    async with running(plan) as stack:
        assert plan.bus is not None
        bus = stack[next(iter(plan.bus)).name].pid
        front, *_ = (gateway.listens[0] for gateway in plan.gateways)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", "chaos", f"ws://{front}/ws", "--gateway", f"http://{front}"),
            *("--kill", "--for", "6", "--clients", "5", "--bus-pid", str(bus), "--report", str(tmp_path / "page.html")),
            stdout=PIPE, stderr=PIPE, env=environment(),
        )  # fmt: skip
        output, errors = await process.communicate()
    print(output.decode(), errors.decode())  # noqa: T201 - pytest shows it on failure
    lines = output.decode().splitlines()
    assert 0 == process.returncode
    assert 7 == len(lines)
    assert all(line.endswith(": kept") for line in lines)
    assert 7 == (tmp_path / "page.html").read_text().count('class="kept"')
