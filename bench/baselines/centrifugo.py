"""Centrifugo, fed by raw NATS: unidirectional WebSocket, pushes joined in frames.

    python -m bench.baselines.centrifugo PORT REDIS_URL

`bench.host.go_programs` builds both servers. This process becomes ``centrifugo``; its children are ``nats-server``, and
a bridge to it from Redis. They run on whatever other core there is.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from bench.baselines.nats import CONFIG, bridge, free_port, is_child
from bench.host.go_programs import CENTRIFUGO, NATS


def config(nats_port: int) -> dict[str, object]:
    """No tokens, no history, no presence: only the fan-out, and a queue for a client that is slow."""
    return {
        "broker": {
            "enabled": True,
            "type": "nats",
            "nats": {"url": f"nats://127.0.0.1:{nats_port}", "raw_mode": {"enabled": True}},
        },
        "uni_websocket": {"enabled": True, "join_push_messages": True, "write_timeout": "60s"},
        "websocket": {"disabled": True},
        "client": {
            "insecure": True,
            "allowed_origins": ["*"],
            "channel_limit": 1_000,
            "queue_max_size": 256 * 1024 * 1024,
        },
        "log": {"level": "error"},
    }


def main(port: int, url: str) -> None:
    """Fork broker and bridge, then become the server."""
    nats_port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="tickgate-centrifugo-"))
    (folder / "nats.conf").write_text(CONFIG.format(port=nats_port))
    (folder / "config.json").write_text(json.dumps(config(nats_port)))
    if is_child():
        os.execv(NATS.path, [str(NATS.path), "-c", str(folder / "nats.conf")])  # noqa: S606 - no shell is wanted
    if is_child():
        bridge(nats_port, url)
    address = ["--http_server.address", "127.0.0.1", "--http_server.port", str(port)]
    command = [str(CENTRIFUGO.path), "--config", str(folder / "config.json"), *address]
    os.execv(CENTRIFUGO.path, command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
