"""Which cgroup a process gets."""

from pathlib import Path

import pytest

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network.group import Group, group_for

ONE = "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
BOTH = (
    "24 20 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "25 24 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "26 24 0:23 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw\n"
)
UNIT = "0::/system.slice/system-tickgate\\x2dgateway.slice/tickgate-gateway@8081.service\n"


def test_it_is_below_the_one_that_it_has() -> None:
    """So limits hold on, and its unit of systemd stays its unit."""
    home = Path("/sys/fs/cgroup/system.slice/system-tickgate\\x2dgateway.slice/tickgate-gateway@8081.service")
    own = home / "tickgate-chaos-7"
    assert Group(home, own, str(own.relative_to("/sys/fs/cgroup")), 4) == group_for(7, ONE, UNIT)


def test_both_versions_may_be_mounted() -> None:
    """The level counts from the root of the hierarchy, the path from where nft looks."""
    root = Path("/sys/fs/cgroup/unified")
    expected = Group(root, root / "tickgate-chaos-7", "unified/tickgate-chaos-7", 1)
    assert expected == group_for(7, BOTH, "5:cpu:/\n0::/\n")
    # It was left in there, by a program that was killed with its keeper.
    assert expected == group_for(7, BOTH, "5:cpu:/\n0::/tickgate-chaos-7\n")


@pytest.mark.parametrize(
    ("mounts", "groups", "why"),
    [
        (BOTH.replace("cgroup2", "cgroup"), "0::/\n", "no cgroups of version 2"),
        (ONE.replace("/sys/fs/cgroup", "/elsewhere"), "0::/\n", "no cgroups of version 2"),
        (ONE, "5:cpu:/\n", "no cgroups of version 2"),
        (ONE, "0::/../other\n", "cannot be named here"),
        (ONE, '0::/a"b\n', "cannot be named here"),
    ],
)
def test_where_nft_could_name_none_there_is_none(mounts: str, groups: str, why: str) -> None:
    """And the fault is not made."""
    with pytest.raises(NotMadeError, match=why):
        group_for(7, mounts, groups)


def test_it_is_left_again_by_all_that_are_in_it() -> None:
    """Each path is one word of sh, whatever is in it."""
    group = Group(Path("/g/a b"), Path("/g/a b/own"), "x", 1)
    lines = group.leave()
    assert "rmdir '/g/a b/own'" == lines[-1]
    assert "done <'/g/a b/own'/cgroup.procs" in lines[0]


def test_a_group_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With the reason of the kernel."""
    (tmp_path / "file").touch()
    with pytest.raises(NotMadeError, match="process 7 cannot have a cgroup of its own: Not a directory"):
        Group(tmp_path, tmp_path / "file" / "own", "x", 1).enter(7)
