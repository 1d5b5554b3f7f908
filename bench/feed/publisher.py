"""The feed of every bench: ticks straight to Redis at a steady rate, as a poller sends them, and heartbeats.

Each publish has its ticks in a batch and on the channels of their symbols. A gateway older than batches reads those.

The bench runs it as ``python -m bench.feed.publisher PORT``. It takes one JSON command per line and answers each with
one line. Commands and answers: `Publisher.first`, `Publisher.start`, `Publisher.stop`.
"""

import json
import random
import select
import socket
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from bench.feed.ticks import SYMBOLS, TickMaker, heartbeat
from market.bus import Batch, in_partition
from poller.publishing.tick_batches import TickBatches


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Publisher:
    """What publishes, when it is told; how is a subclass's."""

    def __init__(self, seed: int, *, symbol_channels: bool) -> None:
        """``symbol_channels``: whether each tick is on its symbol's channel too."""
        self._rng = random.Random(seed)
        self._started_us = now_us()
        self._maker = TickMaker(self._rng, self._started_us // 1000)
        self._batches = TickBatches(1, symbol_channels=symbol_channels)
        self._batches.begin("bench")
        self._next_heartbeat = 0.0
        self._forget()

    def _forget(self) -> None:
        self._burst = 0
        self._period = 1.0
        self._due = 0.0
        self._sent = 0
        self._late = 0.0

    def first(self) -> dict[str, Any]:
        """Publish one tick of every symbol, so that there are last values."""
        self._publish(SYMBOLS)
        return {"newest": self._maker.last_seq}

    def start(self, ticks_per_s: float, burst: int, order: str) -> dict[str, Any]:
        """Publish ``burst`` ticks at a time; ``order`` is ``round`` (each symbol in turn) or ``random``."""
        self._forget()
        self._burst = burst
        self._period = burst / ticks_per_s
        in_turn = cycle(SYMBOLS)
        self._next = in_turn.__next__ if order == "round" else lambda: self._rng.choice(SYMBOLS)
        self._due = time.monotonic()
        return {}

    def stop(self) -> dict[str, Any]:
        """Stop publishing. Answers with the ticks sent, the worst delay, and each symbol's newest seq."""
        answer = {"sent": self._sent, "late_ms": self._late * 1000, "newest": self._maker.last_seq}
        self._forget()
        return answer

    def run(self) -> None:
        """Execute commands until they end."""
        while True:
            wait = self._next_heartbeat if not self._burst else min(self._next_heartbeat, self._due)
            readable, _, _ = select.select([sys.stdin], [], [], max(0.0, wait - time.monotonic()))
            if readable:
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self._obey(**json.loads(line))), flush=True)
            now = time.monotonic()
            if self._burst and now >= self._due:
                self._late = max(self._late, now - self._due)
                self._due += self._period
                self._publish([self._next() for _ in range(self._burst)])
            if now >= self._next_heartbeat:
                self._next_heartbeat = now + 1
                self._publish_heartbeat()

    def _obey(self, do: str, **arguments: Any) -> dict[str, Any]:
        answers: dict[str, Any] = {"first": self.first, "start": self.start, "stop": self.stop}
        return dict(answers[do](**arguments))

    def _publish(self, symbols: Sequence[str]) -> None:
        recv_us = now_us()
        self._out(self._batches.batch([self._maker.tick(symbol, recv_us) for symbol in symbols]))
        self._sent += len(symbols)

    def _publish_heartbeat(self) -> None:
        self._out(self._batches.batch([], heartbeat(now_us(), self._started_us, self._batches.layout)))

    def _out(self, batch: Batch) -> None:
        raise NotImplementedError


class RedisPublisher(Publisher):
    """Writes its own pipelines: a client library would cost more than Valkey does."""

    def __init__(self, port: int, seed: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = bytearray(1 << 16)
        super().__init__(seed, symbol_channels=True)

    def _out(self, batch: Batch) -> None:
        newest = {topic.removeprefix("tick."): payload for topic, payload in batch.updates}
        pipeline = []
        if newest:
            pipeline += [
                _words(b"HSET", b"ticks", *(word for name, its in newest.items() for word in (name.encode(), its)))
            ]
        pipeline += [_words(b"PUBLISH", topic.encode(), its) for topic, its in (*batch.updates, *batch.events)]
        if batch.barrier is not None:
            topic, payload = batch.barrier
            pipeline += [_words(b"PUBLISH", name.encode(), payload) for name in (topic, in_partition(topic, 0))]
        self._send(pipeline)

    def _send(self, pipeline: list[bytes]) -> None:
        self._socket.sendall(b"".join(pipeline))
        # The answers are counts of receivers. They must be read, or they would fill Valkey's output buffer.
        try:
            while self._socket.recv_into(self._answers, 0, socket.MSG_DONTWAIT) == len(self._answers):
                pass
        except BlockingIOError:
            pass


def _words(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


if __name__ == "__main__":
    RedisPublisher(int(sys.argv[1]), seed=int(sys.argv[2])).run()
