"""A cgroup for one process, below its own: nftables knows packets of a process by it."""

import shlex
from pathlib import Path
from typing import Final

from msgspec import Struct

from deploy.chaos.errors import NotMadeError

_NFT_ROOT: Final = "/sys/fs/cgroup/"
"""Where nft looks for cgroups, wherever they are mounted."""


class Group(Struct, frozen=True):
    """Where the process is, and where it is to go."""

    home: Path
    own: Path
    path: str
    """Of ``own``, as nft wants it."""
    level: int
    """Of ``own``, from the root of the hierarchy."""

    def enter(self, pid: int) -> None:
        """Take the process into a group of its own; limits of the old one hold on. What it had open stays as it is.

        Raises:
            NotMadeError: this is not to be had.
        """
        try:
            self.own.mkdir(exist_ok=True)
            (self.own / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise NotMadeError(f"process {pid} cannot have a cgroup of its own: {error.strerror}") from None

    def leave(self) -> list[str]:
        """Lines of sh that take it back, and whatever it has started."""
        home, own = (shlex.quote(str(path)) for path in (self.home, self.own))
        every = f'while read -r pid; do echo "$pid" >{home}/cgroup.procs; done <{own}/cgroup.procs'
        return [every, f"rmdir {own}"]


def group_of(pid: int) -> Group:
    """The group for a process.

    Raises:
        NotMadeError: there is none.
    """
    try:
        mounts, groups = (Path(path).read_text() for path in ("/proc/self/mountinfo", f"/proc/{pid}/cgroup"))
    except OSError as error:
        raise NotMadeError(f"process {pid} cannot be looked at: {error.strerror}") from None
    return group_for(pid, mounts, groups)


def group_for(pid: int, mounts: str, groups: str) -> Group:
    """The group for a process, of the texts of its ``mountinfo`` and ``cgroup`` (proc(5)).

    Raises:
        NotMadeError: there is none that nft could name.
    """
    mounted = (line.partition(" - ") for line in mounts.splitlines())
    roots = [before.split()[4] for before, _, after in mounted if after.startswith("cgroup2 ")]
    root = next((Path(root) for root in roots if f"{root}/".startswith(_NFT_ROOT)), None)
    path = next((line[3:] for line in groups.splitlines() if line.startswith("0::/")), None)
    if root is None or path is None:
        raise NotMadeError("this machine has no cgroups of version 2 below /sys/fs/cgroup, to tell processes apart")
    if "/.." in path or '"' in path:
        raise NotMadeError(f"the cgroup of process {pid} cannot be named here: {path!r}")
    name = f"tickgate-chaos-{pid}"
    # It is there already if this program and its keeper were killed.
    home = root / path.lstrip("/").removesuffix(name)
    own = home / name
    return Group(home, own, f"{own}".removeprefix(_NFT_ROOT), len(own.relative_to(root).parts))
