"""A machine whose first process is systemd, within this one (systemd-nspawn): its programs are this machine's.

It has its own file system, of which only `/usr` and what tickgate needs are this machine's, and this machine's network.
"""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from deploy.process.processes import ROOT
from tests.integration.stacks import children_of, eventually

UNITS = ROOT / "deploy" / "systemd"
_BOOTS_WITHIN_S = 60.0
_ENDS_WITHIN_S = 30.0
_NOT_NEEDED = (
    *("console-getty.service", "getty.target", "systemd-logind.service", "dbus.service", "dbus.socket"),
    *("systemd-firstboot.service", "systemd-networkd.service", "systemd-resolved.service"),
)
_PROGRAM = """#!/bin/sh
# Python and its packages are elsewhere than in an installation; all else is as there.
export PYTHONPATH=/opt/tickgate/tree:/opt/tickgate/site LD_LIBRARY_PATH=/opt/python/lib
exec /opt/python/bin/{python} -P -m deploy "$@"
"""


def why_not() -> str:
    """The reason why no machine can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "only root can boot a machine within this one"
    for program, package in (("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")):
        if shutil.which(program) is None:
            return f"there is no {program} (Debian: apt-get install {package})"
    return ""


class Machine:
    """A booted machine. Its files are below `root`."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader

    async def run(self, *command: str, **env: str) -> str:
        """What a command on it prints. It runs as root, in root's folder.

        Raises:
            OSError: it failed; the message has its words.
        """
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={self._leader}", "--all", "--", "env", "--chdir=/root", *command),
            env={"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8", **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise OSError(f"{' '.join(command)}: {output.decode()}")
        return output.decode()

    async def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return (await self.run("systemctl", "show", "--value", f"--property={name}", unit)).strip()


@asynccontextmanager
async def booted(folder: Path) -> AsyncIterator[Machine]:
    """A machine with the units of `deploy/systemd`, and tickgate where they look for it; at last it is switched off."""
    root = bare_root(folder)
    _install(root)
    binds = {sys.base_prefix: "/opt/python", str(ROOT): "/opt/tickgate/tree"}
    async with switched_on(root, binds | {sysconfig.get_path("purelib"): "/opt/tickgate/site"}) as machine:
        yield machine


@asynccontextmanager
async def switched_on(root: Path, binds: Mapping[str, str], network: str = "") -> AsyncIterator[Machine]:
    """A machine with these files, and folders of ours at other places; at last it is switched off.

    ``network`` is the path of a network namespace that is its own; without one it is on our network.
    """
    for place in binds.values():
        (root / place.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    nspawn = await asyncio.create_subprocess_exec(
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe"),
        # Another one of that name, of another test, would have its folders.
        *(f"--machine=tickgate-{secrets.token_hex(4)}", f"--directory={root}", "--bind-ro=/usr"),
        *(f"--bind-ro={ours}:{its}" for ours, its in binds.items()),
        *((f"--network-namespace-path={network}",) if network else ()),
        "systemd.unit=multi-user.target",
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        leader: list[int] = []

        async def runs() -> bool:
            leader[:] = children_of(nspawn.pid)
            with suppress(OSError):
                state = await Machine(root, leader[0]).run("systemctl", "is-system-running") if leader else ""
                return "running" in state
            return False

        await eventually(runs, _BOOTS_WITHIN_S)
        yield Machine(root, leader[0])
    finally:
        with suppress(ProcessLookupError):
            nspawn.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await nspawn.wait()
        except TimeoutError:
            nspawn.kill()
            await nspawn.wait()


def bare_root(folder: Path) -> Path:
    """The files of a machine on which nothing is installed but what is in `/usr`."""
    root = folder / "root"
    for name in ("etc/systemd/system", "etc/sysusers.d"):
        (root / name).mkdir(parents=True)
    for name in ("var", "run", "tmp", "proc", "sys", "dev", "root", "usr"):
        (root / name).mkdir()
    # Its users are not ours: pytest's folder is closed to others, and so would its root be.
    for part in (folder, *folder.parents[:-2]):
        part.chmod(part.stat().st_mode | 0o055)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    shutil.copy("/usr/lib/os-release", root / "etc" / "os-release")
    (root / "etc" / "machine-id").touch()
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    for name in _NOT_NEEDED:
        (root / "etc" / "systemd" / "system" / name).symlink_to("/dev/null")
    return root


def _install(root: Path) -> None:
    """What `docs/deploy.md` does, without an environment of its own."""
    units = root / "etc" / "systemd" / "system"
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.socket")):
        shutil.copy(unit, units)
    shutil.copy(UNITS / "sysusers.conf", root / "etc" / "sysusers.d" / "tickgate.conf")
    (root / "etc" / "tickgate").mkdir()
    program = root / "opt" / "tickgate" / "bin" / "tickgate"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM.format(python=Path(sys.executable).resolve().name), encoding="utf-8")
    program.chmod(0o755)
