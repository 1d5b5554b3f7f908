"""Hosts, a router between them, and the faults of networks: partitions, one-way loss, a pulled cable, a dead host.

Each host is a network namespace with one interface. The router has an interface to each, and passes packets on. A fault
is a rule of the router, so neither host knows of it: packets vanish without an answer, as they do in real networks.
The router itself reaches every host in spite of all rules: tests ask from there how a program is.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from deploy.process.processes import Process
from tests.integration.hosts.namespaces import Namespace
from tests.integration.stacks import eventually, members_of

_SUBNETS = "10.90"
"""The hosts' addresses; the namespaces are joined to nothing else, so they may exist elsewhere too."""
_RULE_PRIORITY = "10"
_STOP_S = 20.0

Say = Callable[[str, str], None]


class Host:
    """One machine: an address, and programs that run on it."""

    def __init__(self, name: str, address: str, say: Say) -> None:
        self.name = name
        self.address = address
        self.namespace = Namespace()
        self.programs: dict[str, Process] = {}
        self._say = say

    async def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Process:
        """Start a program; one that ended before starts again if it has the same name."""
        process = Process(name, self.namespace.command(*command), env=env, say=self._say, stop_signal=stop_signal)
        self.programs[name] = process
        await process.start()
        return process

    def runs(self, name: str) -> bool:
        """Whether a program of this name was started and has not ended since."""
        return name in self.programs and self.programs[name].running

    async def kill(self) -> None:
        """End all programs with SIGKILL. Their last packets leave the host, unless it is cut off."""
        for process in self.programs.values():
            process.send_all(signal.SIGKILL)
        await asyncio.gather(*(process.ended() for process in self.programs.values()))

    async def stop(self) -> None:
        """Ask all programs to end, and wait until they have."""
        await asyncio.gather(*(process.stop(_STOP_S) for process in self.programs.values()))
        assert members_of({pid for process in self.programs.values() for pid in process.pids}) == {}


class Network:
    """Hosts by name, and the router."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._hosts: dict[str, Host] = {}
        self._rules: set[tuple[str, ...]] = set()
        self.router = Namespace()
        self.router.forward()

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def add(self, name: str) -> Host:
        """A host that reaches all others. ``name`` has at most 15 characters, as an interface's has."""
        subnet = f"{_SUBNETS}.{len(self._hosts) + 1}"
        host = self._hosts[name] = Host(name, f"{subnet}.2", self._say)
        self._connect(host)
        return host

    def _connect(self, host: Host) -> None:
        gateway = host.address.removesuffix(".2") + ".1"
        peer = ("peer", "name", "eth0", "netns", host.namespace.path)
        self.router.run("ip", "link", "add", host.name, "type", "veth", *peer)
        self.router.run("ip", "address", "add", f"{gateway}/24", "dev", host.name)
        self.router.run("ip", "link", "set", host.name, "up")
        host.namespace.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.namespace.run("ip", "link", "set", "eth0", "up")
        host.namespace.run("ip", "route", "add", "default", "via", gateway)

    def lose(self, sender: Host, receiver: Host) -> None:
        """Packets from one to the other vanish from now on; those of the other way pass."""
        self._rule("iif", sender.name, "to", receiver.address)

    def partition(self, one: Host, other: Host) -> None:
        """Packets between two hosts vanish, both ways."""
        self.lose(one, other)
        self.lose(other, one)

    def isolate(self, host: Host) -> None:
        """All packets from and to a host vanish: nobody is told anything by the network."""
        self._rule("iif", host.name)
        self._rule("to", host.address)

    def unplug(self, host: Host) -> None:
        """Pull its cable: it sees that, and the router tells others that there is no way to it."""
        self.router.run("ip", "link", "set", host.name, "down")

    def plug(self, host: Host) -> None:
        """Put the cable back."""
        self.router.run("ip", "link", "set", host.name, "up")

    async def die(self, host: Host) -> None:
        """All of a host stops at once, as without power: it sends no last packet, and its kernel forgets everything."""
        self.isolate(host)
        await host.kill()
        self.router.run("ip", "link", "delete", host.name)
        host.namespace.close()

    def boot(self, host: Host) -> None:
        """Switch a host that died on again. It has its address and runs nothing. All partitions end."""
        host.namespace = Namespace()
        self._connect(host)
        self.heal()

    def heal(self) -> None:
        """End every partition, loss and isolation."""
        while self._rules:
            self.router.run("ip", "rule", "del", "priority", _RULE_PRIORITY, *self._rules.pop(), "blackhole")

    async def until_answers(self, host: Host, port: int, path: str | None = None, within_s: float = 30) -> None:
        """Wait until a port of a host accepts connections or, with a path, answers 200 over HTTP."""

        async def it_does() -> bool:
            answer = await self.ask(host, port, path)
            return answer is not None and (path is None or answer.split()[1:2] == ["200"])

        await eventually(it_does, within_s)

    async def ask(self, host: Host, port: int, path: str | None) -> str | None:
        """The answer to a GET from the router, which no fault keeps from any host: see `ask`."""
        return await ask(self.router, host.address, port, path)

    async def close(self) -> None:
        """End everything on every host, and the hosts."""
        self.heal()
        try:
            await asyncio.gather(*(host.stop() for host in self._hosts.values()))
        finally:
            for host in self._hosts.values():
                host.namespace.close()
            self.router.close()

    def _rule(self, *packets: str) -> None:
        if packets not in self._rules:
            self._rules.add(packets)
            self.router.run("ip", "rule", "add", "priority", _RULE_PRIORITY, *packets, "blackhole")


@asynccontextmanager
async def network(say: Say) -> AsyncIterator[Network]:
    """A network without hosts. At the end nothing of it runs, and nothing of it is left."""
    made = Network(say)
    try:
        yield made
    finally:
        await made.close()


async def ask(namespace: Namespace, address: str, port: int, path: str | None) -> str | None:
    """The whole answer to a GET from a namespace; empty without a path, None if the port does not answer."""
    made = namespace.socket()
    try:
        async with asyncio.timeout(2):
            await asyncio.get_running_loop().sock_connect(made, (address, port))
            if path is None:
                return ""
            reader, writer = await asyncio.open_connection(sock=made)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.read()).decode()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    finally:
        made.close()
