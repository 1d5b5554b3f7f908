"""What ``promtool check metrics`` says of a scrape: Prometheus' own conventions."""

import subprocess

from tests.prometheus import require


def complaints(text: bytes) -> str:
    """All complaints about a scrape. Without promtool the test is skipped, and fails in CI."""
    command = [require("promtool"), "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)
    said = (checked.stdout + checked.stderr).decode()
    return said or (f"exit code {checked.returncode}" if checked.returncode else "")
