"""The units of deploy/systemd, as systemd itself reads them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
FRONT = "tickgate-front.service"
SERVICES = ("tickgate-gateway@8081.service", "tickgate-poller@binance.service", FRONT)
SOCKET = "tickgate-gateway@8081.socket"
PROGRAM = re.compile(r"/opt/tickgate/bin/tickgate|/usr/sbin/haproxy")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the units, each of one instance; their program is one that is here."""
    if shutil.which("systemd-analyze") is None:
        reason = "there is no systemd-analyze (Debian: apt-get install systemd)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("units")
    for name in (*SERVICES, SOCKET):
        text = (UNITS / re.sub("@[^.]*", "@", name)).read_text(encoding="utf-8")
        assert name == SOCKET or PROGRAM.search(text)
        (folder / name).write_text(PROGRAM.sub("/bin/true", text), encoding="utf-8")
    return folder


def analyze(*words: str, units: Path) -> tuple[int, str]:
    """Exit code and output of ``systemd-analyze``, which looks for units there before the system's own."""
    done = subprocess.run(
        ("systemd-analyze", *words),
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", [*SERVICES, SOCKET])
def test_systemd_understands_each_unit(units: Path, name: str) -> None:
    """Not a word of complaint."""
    assert (0, "") == analyze("verify", "--man=no", str(units / name), units=units)


def test_a_wrong_unit_is_complained_about(units: Path, tmp_path: Path) -> None:
    """So the test above can fail."""
    wrong = tmp_path / SERVICES[0]
    wrong.write_text((units / SERVICES[0]).read_text(encoding="utf-8").replace("Restart=always", "Restart=perhaps"))
    assert "perhaps" in analyze("verify", "--man=no", str(wrong), units=units)[1]


@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_is_what_the_document_says(units: Path, name: str) -> None:
    """`systemd-analyze security` of Debian 12 gives each service this number; 10 is a program without any bounds."""
    words = r"the\s+front (\d\.\d)" if name == FRONT else r"exposure\s+of (\d\.\d)"
    stated = re.search(words, (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"))
    assert stated is not None
    code, output = analyze("security", "--offline=yes", "--no-pager", str(units / name), units=units)
    found = re.search(r"Overall exposure level for \S+: (\d\.\d)", output)
    assert found is not None, (code, output)
    # Later versions ask for more.
    assert abs(float(found[1]) - float(stated[1])) <= 0.5, output


def test_the_front_may_open_files_for_a_hundred_thousand_clients() -> None:
    """Two for each; what HAProxy allows itself, its unit allows too. A gateway needs one for each."""
    (most,) = re.findall(r"^ +fd-hard-limit (\d+)$", (ROOT / "haproxy.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    assert 200_000 < int(most) <= _open_files(FRONT)
    assert 100_000 < _open_files("tickgate-gateway@.service")


def _open_files(unit: str) -> int:
    (limit,) = re.findall(r"^LimitNOFILE=(\d+)$", (UNITS / unit).read_text(encoding="utf-8"), re.MULTILINE)
    return int(limit)
