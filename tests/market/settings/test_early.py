"""What a program's first import changes, and when that ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.integration.stacks import environment


def run(program: str, *arguments: str, **settings: str) -> str:
    """The output of a Python program, which has to end well."""
    env = environment(**settings)
    done = subprocess.run(
        (sys.executable, "-P", "-c", program, *arguments),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_search_for_garbage_rests_while_programs_are_imported() -> None:
    """Then it is as it was, and does not look at what was imported."""
    run(
        "import gc\n"
        "usual = gc.get_threshold()\n"
        "from market.settings import early\n"
        "assert gc.get_threshold()[0] > 100 * usual[0]\n"
        "assert gc.get_freeze_count() == 0\n"
        "early.imported()\n"
        "assert gc.get_threshold() == usual\n"
        "assert gc.get_freeze_count() > 1000\n"
    )


@pytest.mark.parametrize("program", ["gateway", "poller"])
def test_a_program_that_runs_searches_as_usual(program: str) -> None:
    """Whatever its start comes to: here a setting that cannot be used."""
    said = run(
        "import gc\n"
        "usual = gc.get_threshold()\n"
        f"from {program}.__main__ import main\n"
        "assert gc.get_threshold() != usual\n"
        "print(main([]), gc.get_threshold() == usual, gc.get_freeze_count() > 1000)\n",
        SYMBOLS="",
    )
    assert "2 True True\n" == said


def test_under_gunicorn_too(tmp_path: Path) -> None:
    """In the arbiter, and in the worker that it forks."""
    (tmp_path / "conf.py").write_text(
        "import gc, os, runpy\n"
        "_usual = gc.get_threshold()\n"
        f"globals().update(runpy.run_path({str(ROOT / 'deploy' / 'gunicorn.conf.py')!r}))\n"
        "def post_fork(server, worker):\n"
        "    print(gc.get_threshold() == _usual, gc.get_freeze_count() > 1000, flush=True)\n"
        "    os._exit(3)\n"
    )
    env = environment(GATEWAY_PORT=str(free_port()))
    done = subprocess.run(
        (sys.executable, "-P", "-m", "gunicorn", "--config", tmp_path / "conf.py", "gateway.app:app_factory"),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (3, "True True\n") == (done.returncode, done.stdout), done.stderr
