"""A network of its own within this machine: an anonymous network namespace (network_namespaces(7)).

Only our descriptor and its programs keep a namespace. It has no name anywhere, so nothing is left of it when they have
ended, however they ended.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <linux/sched.h>
_OWN = "/proc/thread-self/ns/net"


class Namespace:
    """One network namespace, whose loopback interface is up."""

    def __init__(self) -> None:
        """Make one.

        Raises:
            OSError: this process may not.
        """
        own = os.open(_OWN, os.O_RDONLY)
        try:
            _call("unshare", _NEW_NETWORK)
            try:
                self._descriptor = os.open(_OWN, os.O_RDONLY)
                self._open = True
            finally:
                _call("setns", own, _NEW_NETWORK)
        finally:
            os.close(own)
        self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        """Names it to other programs while we run."""
        self.run("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        """Let go of it: it ends with its last program and socket. Does nothing the second time."""
        if self._open:
            self._open = False
            os.close(self._descriptor)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """For the block, this thread's new sockets and programs belong to it. Nothing in the block may await."""
        own = os.open(_OWN, os.O_RDONLY)
        try:
            _call("setns", self._descriptor, _NEW_NETWORK)
            try:
                yield
            finally:
                _call("setns", own, _NEW_NETWORK)
        finally:
            os.close(own)

    def run(self, *command: str) -> None:
        """Run a short command in it.

        Raises:
            OSError: the command failed; the message has its words.
        """
        with self.entered():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")

    def forward(self) -> None:
        """Make it a router.

        Raises:
            OSError: the kernel's settings cannot be written here.
        """
        with self.entered():
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")

    def socket(self) -> socket.socket:
        """A TCP socket that belongs to it, for the event loop."""
        with self.entered():
            made = socket.socket()
        made.setblocking(False)
        return made

    def command(self, *command: str) -> tuple[str, ...]:
        """The command that runs ``command`` in it."""
        return ("nsenter", f"--net={self.path}", "--", *command)


def why_not() -> str:
    """The reason why no namespaces can be made here; empty if they can."""
    for program, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
        if shutil.which(program) is None:
            return f"there is no program `{program}` (Debian: apt-get install {package})"
    try:
        namespace = Namespace()
        try:
            namespace.run("ip", "link", "add", "one", "type", "veth", "peer", "name", "other")
            namespace.run("ip", "rule", "add", "priority", "1", "iif", "one", "blackhole")
            namespace.forward()
        finally:
            namespace.close()
    except OSError as error:
        return f"no network namespace can be made (root can, outside of most containers): {error}"
    return ""


def _call(name: str, *arguments: int) -> None:
    """Call a function of the C library; Python has these since 3.12."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
