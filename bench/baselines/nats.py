"""NATS with its WebSocket listener, fed from Redis by a bridge on whatever other core there is.

    apt install nats-server
    python -m bench.baselines.nats PORT REDIS_URL

Clients speak NATS's own protocol inside WebSocket frames. This process becomes ``nats-server``; its child bridges.
"""

import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from redis import Redis

CONFIG = """
host: 127.0.0.1
port: {port}
websocket {{ host: 127.0.0.1, port: {ws_port}, no_tls: true }}
write_deadline: "60s"
max_pending: 256MB
"""


def bridge(port: int, url: str) -> None:
    """Publish every tick of Redis to NATS, as the clients of the other servers see it."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    spare = os.sched_getaffinity(0) - {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, spare or os.sched_getaffinity(0))
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


def main(ws_port: int, url: str) -> None:
    """Fork the bridge, then become the server."""
    program = shutil.which("nats-server")
    if program is None:
        raise SystemExit("nats-server is missing: apt install nats-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = Path(tempfile.mkdtemp(prefix="tickgate-nats-")) / "nats.conf"
    config.write_text(CONFIG.format(port=port, ws_port=ws_port))
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: end with the server
        bridge(port, url)
    else:
        os.execv(program, [program, "-c", str(config)])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
