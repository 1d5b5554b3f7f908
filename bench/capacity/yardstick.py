"""How fast is this processor right now? A fixed piece of work, measured beside each load.

Neighbours push each other's memory out of a processor's caches, so a program that sleeps and wakes pays more for the
same work: by a third and more, from one minute to the next. The yardstick sleeps and wakes as a gateway does, and says
by how much.
"""

import os
import socket
import time
from typing import Final

_SOCKETS: Final = 60
_ROUNDS: Final = 120
_PAUSE_S: Final = 0.002
_PAYLOAD: Final = b"x" * 400


def measure_us(core: int) -> float:
    """CPU microseconds of a message through the kernel on ``core``, sixty of them every two milliseconds.

    The thread moves to that core meanwhile.
    """
    before = os.sched_getaffinity(0)
    pairs = [socket.socketpair() for _ in range(_SOCKETS)]
    os.sched_setaffinity(0, {core})
    try:
        used = 0.0
        for _ in range(_ROUNDS):
            time.sleep(_PAUSE_S)
            begun = time.thread_time()
            for left, right in pairs:
                left.send(_PAYLOAD)
                right.recv(1024)
            used += time.thread_time() - begun
    finally:
        os.sched_setaffinity(0, before)
        for pair in pairs:
            for end in pair:
                end.close()
    return used * 1e6 / _ROUNDS / _SOCKETS
