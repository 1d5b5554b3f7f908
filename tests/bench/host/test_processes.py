"""Processes of a bench, none of which is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.host.machine import choose_cores
from bench.host.processes import ROOT, Process, ProcessError, python, wait_until

pytestmark = pytest.mark.integration

CORE = choose_cores().load
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


def test_a_child_answers_a_command_with_one_line() -> None:
    """Command and answer are JSON."""
    with Process([sys.executable, "-c", ECHO], CORE, piped=True) as child:
        assert child.ask("sing", song="la") == {"do": "sing", "song": "la"}


def test_a_child_that_does_not_answer_is_an_error() -> None:
    """Nobody waits for ever."""
    with (
        Process([sys.executable, "-c", "input(); input()"], CORE, piped=True) as child,
        pytest.raises(ProcessError, match="did not answer 'sing'"),
    ):
        child.ask("sing", timeout_s=0.1)


def test_a_child_that_ends_instead_of_answering_is_an_error() -> None:
    """Its end is told from its silence."""
    with (
        Process([sys.executable, "-c", "input()"], CORE, piped=True) as child,
        pytest.raises(ProcessError, match="ended"),
    ):
        child.ask("sing")


def test_a_child_is_gone_after_its_block() -> None:
    """Even one that ignores SIGTERM."""
    stubborn = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('{}', flush=True)\ntime.sleep(60)"
    with Process([sys.executable, "-c", "import time; time.sleep(60)"], CORE) as child:
        assert child.alive()
    assert not child.alive()
    with Process([sys.executable, "-c", stubborn], CORE, piped=True) as child:
        child.ask("nothing")
    assert not child.alive()


def test_a_child_that_fails_leaves_its_last_words() -> None:
    """They are what the bench says of it."""
    with Process(python("bench.no_such_module"), CORE) as child:
        assert wait_until(lambda: not child.alive(), 10)
        assert "No module named bench.no_such_module" in child.complaint()


def test_a_child_runs_the_modules_of_its_tree(tmp_path: Path) -> None:
    """Those of another tree come before ours, however Python was told of ours."""
    (tmp_path / "market").mkdir()
    (tmp_path / "market" / "__init__.py").write_text('print(\'{"of": "another tree"}\', flush=True); input()')
    with Process([sys.executable, "-c", "import market"], CORE, piped=True, root=tmp_path) as child:
        assert child.ask("nothing") == {"of": "another tree"}


def test_ctrl_c_while_a_child_is_made_is_not_lost() -> None:
    """Python drops an exception that is raised in a handler of its fork, and the bench would go on."""
    script = (
        "import os, signal, sys\n"
        "from bench.host.processes import Process\n"
        "os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "try:\n"
        "    with Process([sys.executable, '-c', ''], min(os.sched_getaffinity(0))): pass\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_a_child_does_not_ignore_signals() -> None:
    """What its parent held back while it was made, it does not hold back itself."""
    script = (
        "import json, signal; input(); print(json.dumps({'blocked': len(signal.pthread_sigmask(0, []))}), flush=True)"
    )
    with Process([sys.executable, "-c", script], CORE, piped=True) as child:
        assert child.ask("tell") == {"blocked": 0}


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no autogroups (sched(7))")
def test_niceness_counts_between_sessions() -> None:
    """A process has a session of its own, and the kernel would look at that first."""
    say = "import os; os.nice(3); from bench.host.processes import Process;"
    say += f"child = Process(['sleep', '60'], {CORE}); "
    say += "print(open(f'/proc/{child.pid}/autogroup').read()); child.end()"
    run = subprocess.run([sys.executable, "-c", say], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    niceness = os.getpriority(os.PRIO_PROCESS, 0) + 3
    assert run.stdout.split()[1:] == ["nice", str(niceness)]
