"""The cost of an update in the poller of a real tree."""

import os
from pathlib import Path

import pytest

from bench.host.machine import Cores, choose_cores
from bench.host.processes import ROOT, ProcessError
from bench.measuring.updates import measure
from bench.result import Result

pytestmark = pytest.mark.integration

CORES = choose_cores()


def poller_of(root: Path, processor: str) -> None:
    """A tree whose poller has this processor, and which is otherwise this one."""
    (root / "market").symlink_to(ROOT / "market")
    for folder in (Path("poller"), Path("poller/ticks")):
        (root / folder).mkdir()
        for path in (ROOT / folder).iterdir():
            if path.name not in ("ticks", "processor.py"):
                (root / folder / path.name).symlink_to(path)
    (root / "poller/ticks/processor.py").write_text(processor)


def measured(root: Path, cores: Cores = CORES) -> Result:
    """Measure the poller of a tree."""
    result = Result(scenario="poller", contender="poller", round=1)
    measure(root, cores, os.getppid(), 0.2, result)
    return result


def test_the_cost_of_an_update_is_measured() -> None:
    """A fraction of a millisecond, and nothing is wrong."""
    result = measured(ROOT)
    assert result.faults == []
    assert result.cpu_us_per_update is not None
    assert 0.1 < result.cpu_us_per_update < 1_000


def test_the_poller_is_that_of_the_tree(tmp_path: Path) -> None:
    """One that makes nothing of what it is given is found out, which the one of this tree would not be."""
    poller_of(tmp_path, "class Processor:\n    def __init__(self, *_): ...\n    def process(self, update): ...\n")
    faults = measured(tmp_path).faults
    assert faults[-1].startswith("0 ticks came of ")
    assert len(faults) == 4


@pytest.mark.parametrize(
    ("processor", "named"),
    [
        ("", "ImportError: cannot import name 'Processor'"),
        ("class Processor: ...\n", "TypeError: Processor"),
        ("class Processor:\n    def __init__(self, *_): ...\n", "AttributeError: 'Processor'"),
    ],
)
def test_a_poller_with_another_interface_is_an_error(tmp_path: Path, processor: str, named: str) -> None:
    """A name that is gone, other arguments, another method: one line says which, and where the fix belongs."""
    poller_of(tmp_path, processor)
    with pytest.raises(ProcessError, match=f"not one that bench/measuring/poller_cost.py knows: {named}") as error:
        measured(tmp_path)
    assert "\n" not in str(error.value)
