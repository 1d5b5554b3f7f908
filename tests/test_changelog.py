"""The notes of a release are those of the version that is built."""

import configparser
import re
from datetime import date
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
RELEASES = re.findall(r"^## (\d+\.\d+\.\d+) - (\S+)$", TEXT, re.MULTILINE)


def test_the_newest_version_is_that_of_the_package() -> None:
    """Above it stands only what no release has yet; whoever changes one changes the other."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    first, second, *_ = re.findall(r"^## (\S+)", TEXT, re.MULTILINE)
    assert ("Unreleased", config["metadata"]["version"]) == (first, second)


def test_versions_go_down_and_dates_do_not_go_up() -> None:
    """Every section but the first has a version and the day of its release, the newest on top."""
    assert len(RELEASES) == len(re.findall(r"^## ", TEXT, re.MULTILINE)) - 1
    numbered = [(tuple(map(int, version.split("."))), date.fromisoformat(day)) for version, day in RELEASES]
    for (newer, later), (older, earlier) in pairwise(numbered):
        assert newer > older
        assert later >= earlier
