"""A picture of a real Prometheus: what it scraped is what is drawn."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.grafana.picture import main, picture
from deploy.grafana.prometheus import Prometheus, PrometheusError
from deploy.ports import free_port
from tests.prometheus import running_prometheus

METRICS = """# TYPE tickgate_venue_live gauge
tickgate_venue_live{venue="binance"} 0
# TYPE tickgate_connections gauge
tickgate_connections 321
"""


class _Gateway(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # its name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(METRICS.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _gateway() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gateway)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.integration
def test_the_picture_shows_what_a_prometheus_has(tmp_path: Path) -> None:
    """A venue is stale, and its gateway's 321 clients are without fresh prices."""
    with _gateway() as address:
        job = {"job_name": "tickgate-gateway", "scrape_interval": "200ms", "static_configs": [{"targets": [address]}]}
        # JSON is YAML.
        (tmp_path / "prometheus.yaml").write_text(json.dumps({"scrape_configs": [job]}))
        with running_prometheus(tmp_path / "prometheus.yaml") as url:
            prometheus = Prometheus(url)
            end = time.monotonic() + 60
            while not prometheus.now("tickgate_connections"):
                assert time.monotonic() < end
                time.sleep(0.05)
            drawn = picture(prometheus, time.time(), 1)
            with pytest.raises(PrometheusError, match="parse error"):
                prometheus.now("sum(")
            assert main([str(tmp_path / "picture.svg"), "--prometheus", url, "--minutes", "1"]) == 0
    assert ">STALE<" in drawn
    assert ">321<" in drawn
    assert f">{address} binance<" in drawn
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_a_prometheus_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command fails, and writes no file."""
    port = free_port()
    assert main([str(tmp_path / "picture.svg"), "--prometheus", f"http://127.0.0.1:{port}"]) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    assert not (tmp_path / "picture.svg").exists()
