"""The image of ``deploy/docker/Dockerfile`` without Docker: its instructions done in a namespace, by bubblewrap.

What stands in for the base image is this machine's system and Python, read-only, with nothing of this tree in it. Each
RUN line is run as it stands. A container then has the image's files, user, variables and command, and may write
nowhere.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.deploy.test_docker import ROOT, arguments, instructions

BWRAP = shutil.which("bwrap")
_LINKS = ("bin", "sbin", "lib", "lib64")
_SHORT = "/short"
_PATH = f"{_SHORT}:{sys.base_prefix}/bin:/usr/bin:/bin"


def works() -> bool:
    """Whether bubblewrap is there and may make namespaces."""
    if BWRAP is None:
        return False
    return subprocess.run([*_system(), "/bin/true"], check=False, capture_output=True).returncode == 0


def _system() -> list[str]:
    """The command up to where a program is named: the system, and a Python as the base image has it."""
    links = [word for name in _LINKS for word in ("--symlink", f"usr/{name}", f"/{name}")]
    # Where it is: its libraries may stand beside it. Debian's is in /usr already, without the short name.
    prefix = sys.base_prefix
    python = [] if prefix == "/usr" else ["--ro-bind", prefix, prefix]
    if not Path(prefix, "bin", "python").exists():
        python += ["--symlink", f"{prefix}/bin/python3", f"{_SHORT}/python"]
    return [
        *(str(BWRAP), "--unshare-user", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--clearenv"),
        *("--ro-bind", "/usr", "/usr", *links, *python, "--ro-bind", "/etc", "/etc"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--setenv", "PATH", _PATH),
    ]


def _of_pip() -> Iterator[str]:
    """The configuration of pip on this machine: whence it installs."""
    for name, value in os.environ.items():
        if name.startswith("PIP_") or name.lower() in {"https_proxy", "http_proxy", "no_proxy"}:
            yield from ("--setenv", name, value)
            if value.startswith("/") and Path(value).exists():
                yield from ("--ro-bind", value, value)


class Image:
    """What the Dockerfile makes."""

    def __init__(self, folder: Path) -> None:
        """Build it into ``folder``."""
        self._folder = folder
        self._environment: dict[str, str] = {"PATH": _PATH}
        source, self._made = folder / "src", folder / "opt"
        for each in (source, self._made):
            each.mkdir()
        for name, rest in instructions():
            if name == "COPY" and "--from" not in rest:
                self._copy(source, *rest.split())
            elif name == "RUN":
                self._run(source, rest)
            elif name == "ENV":
                for word in shlex.split(rest):
                    variable, _, value = word.partition("=")
                    self._environment[variable] = value.replace("$PATH", self._environment["PATH"])

    @staticmethod
    def _copy(source: Path, *words: str) -> None:
        *froms, to = words
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        for each in froms:
            if (ROOT / each).is_dir():
                shutil.copytree(ROOT / each, source / to, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                target = source / to / each.rpartition("/")[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / each, target)

    def _run(self, source: Path, line: str) -> None:
        subprocess.run(
            [
                *_system(),
                *("--tmpfs", "/tmp", "--bind", str(source), "/src", "--bind", str(self._made), "/opt/tickgate"),  # noqa: S108
                *("--chdir", "/src", "--setenv", "EXTRAS", "", "--setenv", "HOME", "/tmp", *_of_pip()),  # noqa: S108
                *("/bin/sh", "-c", line),
            ],
            check=True,
            timeout=300,
        )

    def command(self, words: list[str], variables: Mapping[str, str], files: Mapping[Path, str]) -> list[str]:
        """The command that runs ``words`` in a container with these variables, and these files at these places."""
        (user,) = arguments("USER")
        uid, _, gid = user.partition(":")
        both = {**self._environment, **variables}
        return [
            *(*_system(), "--as-pid-1", "--uid", uid, "--gid", gid, "--ro-bind", str(self._made), "/opt/tickgate"),
            *(word for path, place in files.items() for word in ("--ro-bind", str(path), place)),
            *(word for name, value in both.items() for word in ("--setenv", name, value)),
            *("--remount-ro", "/", "--chdir", arguments("WORKDIR")[-1], *words),
        ]

    @property
    def entrypoint(self) -> list[str]:
        """What is run with the arguments of a container."""
        words: list[str] = json.loads(arguments("ENTRYPOINT")[0])
        return words


class Container:
    """A running program of the image."""

    def __init__(self, process: asyncio.subprocess.Process, pid: int) -> None:
        """``pid`` is the program's own, which is 1 where it runs."""
        self._process = process
        self._pid = pid

    async def stop(self) -> int:
        """Stop it as Docker does; return its exit code."""
        (name,) = arguments("STOPSIGNAL")
        os.kill(self._pid, signal.Signals[name])
        return await asyncio.wait_for(self._process.wait(), 30)


@asynccontextmanager
async def container(
    image: Image, argument: str, variables: Mapping[str, str], files: Mapping[Path, str]
) -> AsyncIterator[Container]:
    """Run a container with one argument; end it if it has not ended."""
    reading, writing = os.pipe()
    command = image.command([*image.entrypoint, argument], variables, files)
    with os.fdopen(reading, "rb") as told:
        process = await asyncio.create_subprocess_exec(
            command[0], "--info-fd", str(writing), *command[1:], pass_fds=(writing,)
        )
        os.close(writing)
        info = json.loads(await asyncio.to_thread(told.read))
    try:
        yield Container(process, info["child-pid"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
