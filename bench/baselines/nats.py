"""NATS with its WebSocket listener, fed from Redis by a bridge on whatever other core there is.

    python -m bench.baselines.nats PORT REDIS_URL

`bench.host.go_programs` builds the server. Clients speak NATS's own protocol inside WebSocket frames. This process
becomes ``nats-server``; its child bridges.
"""

import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from redis import Redis

from bench.host.go_programs import NATS

CONFIG = """
host: 127.0.0.1
port: {port}
write_deadline: "60s"
max_pending: 256MB
"""
WEBSOCKET = """
websocket {{ host: 127.0.0.1, port: {ws_port}, no_tls: true }}
"""


def bridge(port: int, url: str) -> None:
    """Publish every tick of Redis to NATS, as the clients of the other servers see it."""
    for _ in range(100):
        try:
            nats = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.05)
    nats.recv(65536)
    nats.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    redis: Any = Redis.from_url(url)
    pubsub = redis.pubsub()
    pubsub.psubscribe("tick.*")
    for message in pubsub.listen():
        if message["type"] == "pmessage":
            payload = b'{"type":"tick",' + message["data"][1:]
            nats.sendall(b"PUB %b %d\r\n%b\r\n" % (message["channel"], len(payload), payload))


def is_child() -> bool:
    """Fork; true in the child, which takes another core than the server's and ends with it."""
    if os.fork():
        return False
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    os.sched_setaffinity(0, os.sched_getaffinity(0) - ours or ours)
    return True


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(ws_port: int, url: str) -> None:
    """Fork the bridge, then become the server."""
    port = free_port()
    config = Path(tempfile.mkdtemp(prefix="tickgate-nats-")) / "nats.conf"
    config.write_text(CONFIG.format(port=port) + WEBSOCKET.format(ws_port=ws_port))
    if is_child():
        bridge(port, url)
    else:
        os.execv(NATS.path, [str(NATS.path), "-c", str(config)])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
