"""The service manager that started this process, such as systemd: the sockets that it hands over, and what it is told.

Without one nothing here does anything. sd_listen_fds(3) and sd_notify(3) say how both work.
"""

import asyncio
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Final

_FIRST_DESCRIPTOR: Final = 3
"""SD_LISTEN_FDS_START of <systemd/sd-daemon.h>."""
_OURS: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
PATIENCE_S: Final = 10.0
"""A program that is not current after this time counts as started: only others can help it, and its log says so."""
_LOOK_S: Final = 0.05
_SIGNS_PER_LIMIT: Final = 3
"""Signs of life within the time after which the manager would end us."""


class ServiceManager:
    """What the manager has told this process by its environment."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Take our variables out of ``environ``: programs that we start are no services."""
        told = {name: environ.pop(name, "") for name in _OURS}
        pid = str(os.getpid())
        self._address = told["NOTIFY_SOCKET"]
        self._sockets = _number(told["LISTEN_FDS"]) if told["LISTEN_PID"] == pid else 0
        limit_us = _number(told["WATCHDOG_USEC"]) if told["WATCHDOG_PID"] in ("", pid) else 0
        self._sign_every_s = limit_us / 1_000_000 / _SIGNS_PER_LIMIT

    def take_sockets(self) -> list[socket.socket]:
        """The listening sockets that were handed over, of which there may be none. The caller closes them.

        Raises:
            OSError: one of them is no socket.
        """
        count, self._sockets = self._sockets, 0
        taken = []
        for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + count):
            os.set_inheritable(descriptor, False)
            sock = socket.socket(fileno=descriptor)
            sock.setblocking(False)
            taken.append(sock)
        return taken

    async def report(self, is_current: Callable[[], bool]) -> None:
        """Say when the program is current, and then that it lives, until this is cancelled.

        The signs of life come from the event loop: if that hangs, the manager ends the program and starts it again.
        """
        if not self._address:
            return
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + PATIENCE_S
        while not (current := is_current()) and loop.time() < patient_until:  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(_LOOK_S)
        status = "prices are live" if current else "there are no live prices yet"
        # Who waits for this one would wait for ever.
        while not self._tell(f"READY=1\nSTATUS={status}"):  # noqa: ASYNC110 - nor does the manager
            await asyncio.sleep(_LOOK_S)
        while self._sign_every_s:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._sign_every_s)

    def stopping(self) -> None:
        """Say that the program was told to stop, and goes by itself."""
        self._tell("STOPPING=1\nSTATUS=draining")

    def _tell(self, words: str) -> bool:
        """Whether there is a manager that takes it now. It may be busy, or gone, which is no reason to serve nobody."""
        if not self._address:
            return False
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            telling.setblocking(False)
            try:
                telling.sendto(words.encode(), address)
            except OSError:
                return False
        return True


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
