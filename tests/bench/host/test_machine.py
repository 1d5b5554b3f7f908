"""What the machine did meanwhile."""

import os
import subprocess
import time

from bench.host import machine


def test_the_machine_is_described() -> None:
    """CPU, kernel and Python are named."""
    about = machine.describe()
    assert about["kernel"] == os.uname().release
    assert about["cpu"]


def test_cpu_time_of_a_process_is_finer_than_a_tick_of_the_clock() -> None:
    """A few milliseconds of work show."""
    before, own = machine.cpu_s(os.getpid()), time.process_time()
    while time.process_time() - own < 0.004:
        pass
    assert 0.003 < machine.cpu_s(os.getpid()) - before < 0.5


def test_children_of_a_process_are_known() -> None:
    """A child counts from its start to its end."""
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in machine.children(os.getpid())
        child.kill()
    assert child.pid not in machine.children(os.getpid())


def test_memory_of_this_process_is_plausible() -> None:
    """More than a megabyte, less than all there is."""
    everything = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 2**20 < machine.rss_bytes(os.getpid()) < everything


def test_writes_are_counted() -> None:
    """One more write is one more."""
    readable, writable = os.pipe()
    before = machine.writes(os.getpid())
    os.write(writable, b"x")
    assert machine.writes(os.getpid()) - before == 1
    os.close(readable)
    os.close(writable)


def test_a_cores_time_grows() -> None:
    """The difference of two readings is never negative."""
    core = machine.choose_cores().server
    before = machine.core_time(core)
    spent = machine.core_time(core).since(before)
    assert spent.busy >= 0
    assert spent.stolen >= 0


def test_the_file_limit_is_at_least_what_it_was() -> None:
    """Asking for little takes nothing away."""
    before = machine.raise_file_limit(0)
    assert machine.raise_file_limit(0) == before
