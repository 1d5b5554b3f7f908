"""Prometheus and its promtool, of Debian's package ``prometheus``."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from deploy.grafana.prometheus import Prometheus, PrometheusError
from deploy.ports import free_port
from tests.reference.metrics import all_metrics

_START_S = 30


def require(program: str) -> str:
    """The path of ``prometheus`` or ``promtool``; without it the test is skipped, and fails in CI."""
    found = shutil.which(program)
    if found is None:
        assert "CI" not in os.environ, f"deploy/system.sh {program}=prometheus has not installed it"
        pytest.skip(f"PATH has no {program} (Debian: apt-get install prometheus)")
    return found


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What promtool says, in a folder."""
    return subprocess.run(
        [require("promtool"), *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def assert_queries(queries: list[str], folder: Path) -> None:
    """Check that promtool can parse each query."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (folder / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    checked = promtool("check", "rules", "queries.yaml", folder=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(queries)} rules found" in checked.stdout


def metrics_of(query: str) -> set[str]:
    """The metrics that a query names, of ours and of those that each process has."""
    # {__name__=~"tickgate_(poller_)?build_info"}
    texts = (query.replace("(poller_)?", ""), query.replace("(poller_)?", "poller_"))
    return {name for text in texts for name in re.findall(r"\b(?:tickgate|process|haproxy)_[a-z_]+[a-z]\b", text)}


def exported() -> set[str]:
    """What can be asked for: of a gateway and a poller all, of HAProxy what is asked for here."""
    known = {
        "haproxy_frontend_current_sessions",
        "haproxy_frontend_limit_sessions",
        "haproxy_process_current_connections",
        "haproxy_process_max_connections",
    }
    for family in all_metrics():
        parts = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        known |= {family.name + part for part in parts}
    return known


@contextmanager
def running_prometheus(config: Path) -> Iterator[str]:
    """A Prometheus with this configuration, which answers; its URL."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="tickgate-prometheus-") as folder, Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(
            [
                require("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _until_ready(process, f"http://{address}", Path(folder, "log"))
            yield f"http://{address}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        assert process.poll() is None, log.read_text()
        try:
            Prometheus(url).now("vector(1)")
        except PrometheusError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        else:
            return
