"""One fault, and how it is judged."""

import asyncio
import sys
from typing import Any, cast

import pytest
from msgspec.structs import replace

from deploy.chaos import trial as subject
from deploy.chaos.faults import FAULTS
from deploy.chaos.fleet import Target

FROZEN = next(fault for fault in FAULTS if fault.name == "gateway-frozen")


class Client:
    """As the test says."""

    def __init__(self) -> None:
        self.counted = asyncio.Event()
        """Set when somebody has asked how many connections there were."""
        self.moves = 0
        self.is_live = True
        self.age_s = 0.0

    @property
    def connections(self) -> int:
        self.counted.set()
        return 1 + self.moves


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that a test can wait for."""
    monkeypatch.setattr(subject, "CALM_S", 0.15)
    monkeypatch.setattr(subject, "LONGEST_S", 0.3)
    monkeypatch.setattr(subject, "LEADS_S", 0.3)
    monkeypatch.setattr(subject, "FRESH_S", 0.6)


async def tried(client: Client, pid: int, *, comes_back: bool = True) -> subject.Outcome:
    """What came of a fault in a process that is not there."""
    asked = 0

    async def targets() -> list[Target]:
        nonlocal asked
        asked += 1
        return [Target("gateway", "it", pid)] if comes_back or asked == 1 else []

    outcome = await subject.trial(FROZEN, 0.1, [cast(Any, client)], targets)
    assert isinstance(outcome, subject.Outcome)
    return outcome


@pytest.mark.usefixtures("quick")
async def test_what_is_seen_before_and_after_counts() -> None:
    """And how often clients moved."""
    client = Client()
    trying = asyncio.create_task(tried(client, 2**22 + 1))
    await client.counted.wait()
    client.moves, client.age_s = 2, 0.5
    outcome = await trying
    assert (0.5, 0.5, 2, True) == (outcome.called_live_s, outcome.without_s, outcome.moved, outcome.is_kept)


@pytest.mark.usefixtures("quick")
async def test_clients_that_are_not_well_again_are_a_broken_promise() -> None:
    """So is a process that does not come back."""
    client = Client()
    client.is_live, client.age_s = False, 9.0
    stuck = await tried(client, 2**22 + 1)
    assert (0.0, 9.0, False, False) == (stuck.called_live_s, stuck.without_s, stuck.is_over, stuck.is_kept)
    lost = await tried(Client(), 2**22 + 1, comes_back=False)
    assert (True, False, False) == (lost.is_over, lost.is_back, lost.is_kept)


@pytest.mark.usefixtures("quick")
async def test_a_process_that_takes_its_time_to_end_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What clients see begins with its end, and is not over before another is there."""
    monkeypatch.setattr(subject, "LONGEST_S", 20.0)
    monkeypatch.setattr(subject, "FRESH_S", 0.3)
    slow = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.7), exit())); print(flush=True)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{slow}; signal.pause()", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    client, stopped = Client(), next(fault for fault in FAULTS if fault.name == "poller-stopped")
    others = [Target("gateway", "another", 2**22 + 1)]

    async def targets() -> list[Target]:
        return [*others, Target("poller", "it", process.pid, leads=True)] if process.returncode is None else others

    trying = asyncio.create_task(subject.trial(stopped, 0.1, [cast(Any, client)], targets))
    await process.wait()
    client.is_live, client.age_s = False, 5.0
    await asyncio.sleep(0.5)
    assert not trying.done()
    client.is_live, client.age_s = True, 0.1
    others.append(Target("poller", "the next", 2**22 + 2, leads=True))
    outcome = await trying
    assert isinstance(outcome, subject.Outcome)
    assert (0.1, 5.0, True) == (outcome.called_live_s, outcome.without_s, outcome.is_kept)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gateway-frozen", "there is no gateway"),
        ("poller-frozen", "no poller leads"),
        ("bus-frozen", "the process of the bus is not known; --bus-pid names it"),
    ],
)
@pytest.mark.usefixtures("quick")
async def test_without_such_a_process_there_is_no_trial(name: str, why: str) -> None:
    """Nothing is claimed of it."""
    fault = next(fault for fault in FAULTS if fault.name == name)

    async def nobody() -> list[Target]:
        return [Target("poller", "standing by", 1)]

    assert subject.NotMade(fault, why) == await subject.trial(fault, 1, [], nobody)


@pytest.mark.usefixtures("quick")
async def test_a_poller_that_was_started_a_moment_ago_may_lead_in_a_moment() -> None:
    """The fault before this one may have ended it."""
    fault = next(fault for fault in FAULTS if fault.name == "poller-frozen")
    asked = 0

    async def targets() -> list[Target]:
        nonlocal asked
        asked += 1
        return [Target("poller", "it", 2**22 + 1, leads=asked > 1)]

    outcome = await subject.trial(fault, 0.1, [cast(Any, Client())], targets)
    assert isinstance(outcome, subject.Outcome)
    assert "it" == outcome.target


@pytest.mark.usefixtures("quick")
async def test_a_fault_that_cannot_be_made_is_never_a_promise_kept() -> None:
    """Nor one broken; it has its reason."""
    cut = next(fault for fault in FAULTS if fault.name == "gateway-link-cut")

    async def gone() -> list[Target]:
        return [Target("gateway", "it", 2**22 + 1)]

    outcome = await subject.trial(cut, 0.1, [cast(Any, Client())], gone)
    assert isinstance(outcome, subject.NotMade)
    assert "No such file or directory" in outcome.why


@pytest.mark.usefixtures("quick")
async def test_each_fault_has_its_promise() -> None:
    """An exchange that falls silent is noticed later than a bus."""
    client = Client()
    client.age_s = 0.5
    outcome = await tried(client, 2**22 + 1)
    older = replace(outcome, called_live_s=5.5)
    assert not older.is_kept
    assert replace(older, fault=next(fault for fault in FAULTS if fault.name == "exchange-lost")).is_kept
