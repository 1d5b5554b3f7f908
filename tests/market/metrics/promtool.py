"""What ``promtool check metrics`` says of a scrape: Prometheus' own conventions."""

import os
import shutil
import subprocess

import pytest


def complaints(text: bytes) -> str:
    """All complaints about a scrape. Without promtool the test is skipped, and fails in CI."""
    found = shutil.which("promtool")
    if found is None:
        reason = "no promtool on this machine (Debian: apt-get install prometheus)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    checked = subprocess.run([found, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    said = (checked.stdout + checked.stderr).decode()
    # Its exit code is not 0 when it complains. Neither may hide the other.
    return said or (f"exit code {checked.returncode}" if checked.returncode else "")
