"""Faults of the network, made by the kernel in a real connection."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

import pytest

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network import kernel
from deploy.chaos.network.connections import Place, connections_of
from deploy.chaos.network.kernel import TABLE, cut, lossy, may_change_networks, packets, program
from tests.deploy.chaos.network.rights import Echo, echo, group, require_network
from tests.waiting import until

LISTED = (
    '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"counter": {"family": "inet", "name": "dropped", "table": "t",'
    ' "handle": 1, "packets": 7, "bytes": 420}}]}'
)
KILLED = """
import asyncio, sys
from deploy.chaos.network.connections import Place
from deploy.chaos.network.kernel import lossy

async def main():
    async with lossy(int(sys.argv[1]), [Place("127.0.0.1", int(sys.argv[2]))], 60, to=True, back=True, for_all=False):
        print("made", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def run(*command: str) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    return output.decode()


async def tables_of(pid: int) -> list[str]:
    """Our tables that a process made."""
    return [line for line in (await run(program("nft"), "list", "tables")).splitlines() if f"{TABLE}_{pid}" in line]


async def dropped(at_least: int) -> None:
    """Wait until so many packets were."""
    command = program("nft"), "--json", "list", "counter", "inet", f"{TABLE}_{os.getpid()}", "dropped"
    async with asyncio.timeout(20):
        while packets(await run(*command)) < at_least:
            pass


async def answered(one: Echo, others: Sequence[str] = ()) -> None:
    """Wait for both answers."""
    await until(lambda: sorted(one.answers) == sorted(["new", "old", *others]))


@pytest.mark.integration
@pytest.mark.parametrize(("to", "back"), [(True, True), (False, True), (True, False)])
async def test_what_one_process_sends_or_receives_is_lost_and_nobody_elses(*, to: bool, back: bool) -> None:
    """By connections that it had, and by new ones; at the end all comes, and nothing is left."""
    require_network()
    async with echo() as one:
        before = group(one.pid)
        async with lossy(one.pid, [one.place], 60, to=to, back=back, for_all=False):
            one.ask()
            # The word of the old connection, and the new one's first packet.
            await dropped(at_least=2)
            reader, writer = await asyncio.open_connection(*one.place)
            writer.write(b"other")
            assert b"other" == await reader.read(10)
            writer.close()
            await writer.wait_closed()
            if not to:
                # It was said, and the answer was lost.
                await until(lambda: sorted(one.told) == ["old", "other"])
            assert [] == one.answers
        assert [] == await tables_of(os.getpid())
        await answered(one)
        assert before == group(one.pid)


@pytest.mark.integration
async def test_it_may_be_lost_for_everybody_and_ends_by_itself() -> None:
    """While the table is still there: no program is needed for it."""
    require_network()
    async with echo() as one:
        async with lossy(one.pid, [one.place], 0.3, to=True, back=True, for_all=True):
            one.ask()
            await answered(one)
            assert 1 == len(await tables_of(os.getpid()))
        assert [] == await tables_of(os.getpid())


@pytest.mark.integration
async def test_a_program_that_is_killed_leaves_nothing() -> None:
    """Nor does the process stay in another cgroup."""
    require_network()
    async with echo() as one:
        before = group(one.pid)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(one.pid), str(one.place.port), stdout=PIPE, start_new_session=True
        )
        assert process.stdout is not None
        assert b"made\n" == await process.stdout.readline()
        assert 1 == len(await tables_of(process.pid))
        assert before != group(one.pid)
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        one.ask()
        await answered(one)
        async with asyncio.timeout(20):
            while await tables_of(process.pid):
                pass
        await until(lambda: before == group(one.pid))


@pytest.mark.integration
async def test_a_fault_in_which_nothing_was_dropped_was_not_made() -> None:
    """Whoever says nothing misses nothing."""
    require_network()
    async with echo() as one:
        with pytest.raises(NotMadeError, match="no packet came"):
            async with lossy(one.pid, [Place("127.0.0.1", 1)], 5, to=True, back=True, for_all=False):
                pass
        assert [] == await tables_of(os.getpid())


@pytest.mark.integration
async def test_connections_are_cut_and_others_are_not() -> None:
    """The process is told so by its next call; a new connection is taken as ever."""
    require_network()
    async with echo() as one:
        reader, writer = await asyncio.open_connection(*one.place)
        try:
            await cut(one.pid, connections_of(one.pid))
        except NotMadeError as error:
            pytest.skip(str(error))
        one.ask()
        await until(lambda: len(one.answers) == 2)
        assert {"new", "old"} != set(one.answers)
        assert "new" in one.answers
        writer.write(b"other")
        assert b"other" == await reader.read(10)
        writer.close()
        await writer.wait_closed()


@pytest.mark.integration
async def test_what_the_kernel_refuses_is_said_in_its_words() -> None:
    """No table is left then."""
    require_network()
    with pytest.raises(NotMadeError, match=r"nft does not: .*Error"):
        async with lossy(os.getpid(), [Place("nonsense", 1)], 5, to=True, back=True, for_all=True):
            pass
    with pytest.raises(NotMadeError, match="cannot be looked at: No such file"):
        await cut(2**22 + 1, [])


def test_packets_are_those_of_counters() -> None:
    """Of one that is listed, and of none."""
    assert [7, 0] == [packets(LISTED), packets('{"nftables": [{"metainfo": {}}]}')]


def test_without_the_right_or_the_programs_there_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its words."""
    assert not may_change_networks("CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffefff\n")
    assert may_change_networks("CapEff:\t0000000000001000\n")
    monkeypatch.setattr(kernel, "_PATH", "/nowhere")
    monkeypatch.setattr(kernel, "may_change_networks", lambda _: False)
    with pytest.raises(NotMadeError, match="only root may change networks"):
        program("nft")
    monkeypatch.setattr(kernel, "may_change_networks", lambda _: True)
    with pytest.raises(NotMadeError, match=r"there is no nft here \(Debian: apt-get install nftables\)"):
        program("nft")
