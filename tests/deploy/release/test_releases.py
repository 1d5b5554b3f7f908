"""What comes with a release: a bill of materials, an audit, and which versions get fixes."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.locked import requirements
from market.process.version import version
from tests.reference.sources import ROOT

SCRIPTS = ROOT / "deploy" / "release"
LONG = pytest.mark.long("deploy/release", "constraints.txt")


def test_the_newest_release_gets_fixes() -> None:
    """The table of versions begins with it, and has one of them."""
    rows = re.findall(r"^\| (\d+\.\d+) \| (yes|no)", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert (".".join(version().split(".")[:2]), "yes") == rows[0]
    assert 1 == [fixes for _, fixes in rows].count("yes")


def test_tools_are_pinned_with_hashes() -> None:
    """Those that are wanted are among them, in the versions that are wanted."""
    pinned = (SCRIPTS / "tools.txt").read_text(encoding="utf-8")
    wanted = (SCRIPTS / "tools.in").read_text(encoding="utf-8").split("\n")
    assert all(f"{line.replace(' ', '')} \\\n    --hash=sha256:" in pinned for line in wanted if line)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of what looks after releases."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run((SCRIPTS / "tools.sh", sys.executable, folder), check=True)
    return folder


def run(script: str, *arguments: Path | str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts."""
    command = (SCRIPTS / script, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)


@LONG
def test_the_bill_of_materials_has_all_that_is_installed(tools: Path, tmp_path: Path) -> None:
    """By version and hash, and the wheel itself; made twice, it is the same. Its script checks it by the schema."""
    lines = requirements(["cluster", "embedded"])
    packages = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lines, re.MULTILINE))
    assert {"aiohttp", "msgspec", "redis", "gunicorn"} <= packages.keys()
    (tmp_path / "locked.txt").write_text(lines)
    wheel = tmp_path / "tickgate-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    texts = []
    for name in ("one", "two"):
        made = run("sbom.sh", tools, tmp_path / "locked.txt", wheel, tmp_path / name)
        assert 0 == made.returncode, made.stderr
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    bill = json.loads(texts[0])
    assert packages == {one["name"]: one["version"] for one in bill["components"]}
    links = [link for one in bill["components"] for link in one["externalReferences"]]
    hashes = {its["content"] for link in links for its in link["hashes"]}
    assert set(re.findall(r"sha256:([0-9a-f]{64})", lines)) == hashes
    subject = bill["metadata"]["component"]
    assert ("tickgate", "1.2.3") == (subject["name"], subject["version"])
    assert hashlib.sha256(b"a wheel").hexdigest() == subject["hashes"][0]["content"]
    (its,) = [one for one in bill["dependencies"] if one["ref"] == subject["bom-ref"]]
    assert len(packages) == len(its["dependsOn"])


@LONG
def test_an_audit_that_could_not_be_made_is_no_good_news(tools: Path, tmp_path: Path) -> None:
    """Where the database cannot be asked it says so: exit code 3, and not 0."""
    package = tmp_path / "list.txt"
    package.write_text(f"no-such-package-of-anybody==1.0 --hash=sha256:{'0' * 64}\n")
    # Nobody answers at this proxy.
    audited = run("audit.sh", tools, package, HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
    assert 3 == audited.returncode, audited.stderr
    assert "was not audited: the database of weaknesses could not be asked" in audited.stderr
    assert "no known weakness" not in audited.stdout
