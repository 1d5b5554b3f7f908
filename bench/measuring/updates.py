"""What does an update cost in the poller of a tree? The driver is `bench.measuring.poller_cost`."""

import os
import sys
from pathlib import Path
from typing import Any

from bench.host import usage
from bench.host.machine import Cores
from bench.host.processes import ROOT, Process, ProcessError
from bench.result import Result

DRIVER = Path(__file__).resolve().with_name("poller_cost.py")
_WARM_UP_S = 0.3


def measure(root: Path, cores: Cores, bus_pid: int, seconds: float, result: Result) -> None:
    """Measure the poller of the tree at ``root`` for ``seconds``, into ``result``.

    Raises:
        ProcessError: the driver did not start, answer, or stay; or the tree's poller is not one that it knows.
    """
    # -P: without it the driver's folder would come before the tree, and bench's modules are top-level names there.
    with Process([sys.executable, "-P", str(DRIVER)], cores.server, piped=True, root=root) as driver:
        _run(driver, _WARM_UP_S)
        ours = [bus_pid, os.getpid()]
        before = usage.read(driver.pid, ours, cores)
        answer = _run(driver, seconds)
        used = usage.read(driver.pid, ours, cores).since(before)
    result.cpu_us_per_update = answer["cpu_s"] * 1e6 / answer["updates"]
    result.server_share = used.cpu_s / used.at
    result.faults += answer["wrong"]
    if answer["ticks"] != answer["updates"]:
        result.faults.append(f"{answer['ticks']} ticks came of {answer['updates']} updates that each make one")
    usage.note_others(result, used, cores)


def _run(driver: Process, seconds: float) -> dict[str, Any]:
    answer = driver.ask("run", timeout_s=seconds + 30, seconds=seconds)
    if error := answer.get("error"):
        raise ProcessError(f"its poller is not one that {DRIVER.relative_to(ROOT)} knows: {error}")
    return answer
