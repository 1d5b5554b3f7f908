"""The walk of docs/deploy.md: each of its commands, on machines with a systemd each and a network between them."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import connect

from deploy.buses.valkey import valkey_server
from deploy.launcher.programs import PYTHON, find_haproxy
from deploy.process.processes import ROOT
from market.process.version import NAME
from tests.integration import booted
from tests.integration.booted import Machine, bare_root, switched_on
from tests.integration.hosts import namespaces
from tests.integration.hosts.network import Host, Network, network
from tests.integration.installed import Built, copy, needed_by
from tests.integration.stacks import environment, eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.haproxy,
    pytest.mark.long("gateway", "poller", "market", "deploy", "haproxy.cfg", "docs/deploy.md"),
    pytest.mark.timeout(400),
]

PAGE = ROOT / "docs" / "deploy.md"
MACHINES = ("prices-1", "prices-2", "front")
ON_THE_WAY = "On your own machine"
_BLOCK = re.compile(
    r"^(?:## (?P<heading>[^\n]+)|(?P<where>[^\n]+):\n\n```(?P<language>sh|yaml)\n(?P<text>.*?)^```)$", re.M | re.S
)
PYTHONS = {"PATH": "/opt/python/bin:/usr/sbin:/usr/bin", "LD_LIBRARY_PATH": "/opt/python/lib"}
"""Their Python is that of the tests, as their packages are."""
LOGIN = """
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
server = http.server.ThreadingHTTPServer(("", 443), handler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
TLS_OF_BUS = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen bus
    bind {address}:6379 ssl crt {certificate}
    server valkey 127.0.0.1:6380
"""


@dataclass(frozen=True)
class Block:
    """One block of commands, or of a file."""

    heading: str
    where: str
    language: str
    text: str

    @property
    def machines(self) -> list[str]:
        """The machines that it is for."""
        return re.findall(r"`([\w-]+)`", self.where)


def blocks() -> list[Block]:
    """All of the page, in its order."""
    found, heading = [], ""
    text = PAGE.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        heading = match["heading"] or heading
        if match["where"]:
            found.append(Block(heading, match["where"], match["language"], match["text"]))
    assert len(re.findall(r"^```\w", text, re.MULTILINE)) == len(found)
    return found


@pytest.fixture(scope="module", autouse=True)
def _machines() -> None:
    """Skip everything, and say why, where no machines can be had."""
    if reason := booted.why_not() or namespaces.why_not():
        pytest.skip(reason)


@dataclass
class Place:
    """The machines, and what is there without the page's help."""

    folder: Path
    net: Network
    public: trustme.CA
    """Everybody trusts it."""
    key: rsa.RSAPrivateKey
    """The identity provider's."""
    on: dict[str, Machine] = field(default_factory=dict)

    @property
    def client(self) -> Host:
        """Where clients are."""
        return self.net["client"]

    def token(self, **claims: str) -> str:
        """A token for a minute or two."""
        given = {"sub": "demo", "iss": "https://login.example.com/", "aud": "prices", "exp": int(time.time()) + 120}
        return jwt.encode(given | claims, self.key, algorithm="RS256", headers={"kid": "one"})

    def hand_out(self, names: Sequence[str], *files: Path) -> None:
        """Copy files to `/etc/tickgate` of machines."""
        for name in names:
            for file in files:
                shutil.copy(file, self.on[name].root / "etc" / "tickgate")

    async def run(self, block: Block) -> str:
        """Run a block on its machines, all at once; what it prints there."""
        # Here the exchange is one of ours. Only `check` reads this: services have it from a file of their own.
        urls = {name: url for name, url in exchange(self.net).items() if block.heading == "Gateways and pollers"}
        machines = [self.on[name] for name in block.machines]
        assert machines, block.where
        try:
            return "".join(
                await asyncio.gather(*(its.run("sh", "-euc", block.text, **PYTHONS, **urls) for its in machines))
            )
        except OSError as error:
            for machine in machines:
                error.add_note(await machine.run("journalctl", "--no-pager", "--lines=20"))
            raise

    @asynccontextmanager
    async def client_of_prices(self, token: str) -> AsyncIterator[Any]:
        """A client that is connected over TLS."""
        context = ssl.create_default_context()
        self.public.configure_trust(context)
        made = self.client.namespace.socket()
        try:
            async with asyncio.timeout(20):
                await asyncio.get_running_loop().sock_connect(made, (self.net["front"].address, 443))
        except BaseException:
            made.close()
            raise
        link = await connect(
            "wss://prices.example.com/ws",
            sock=made,
            ssl=context,
            additional_headers={"Authorization": f"Bearer {token}"},
            open_timeout=20,
        )
        async with link:
            yield link

    async def visit(self) -> None:
        """Connect, and get a price."""
        async with self.client_of_prices(self.token()) as link, asyncio.timeout(20):
            await link.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
            async for message in link:
                if json.loads(message)["type"] == "snapshot":
                    return
        raise AssertionError("the connection ended before a price")


def exchange(net: Network) -> dict[str, str]:
    """Where the exchange is."""
    at = f"{net['world'].address}:9000"
    return {"BINANCE_REST_URL": f"http://{at}", "BINANCE_WS_URL": f"ws://{at}"}


async def test_the_walk_of_the_document(tmp_path: Path) -> None:
    """A bare machine is installed, has prices, serves them over TLS to who has a token, and is upgraded under load."""
    (tmp_path / "built").mkdir()
    walk = blocks()
    async with place(tmp_path) as its:
        for heading in dict.fromkeys(block.heading for block in walk):
            of_heading = [block for block in walk if block.heading == heading]
            match heading:
                case "Certificates":
                    (block,) = of_heading
                    assert ON_THE_WAY == block.where
                    here(("sh", "-euc", block.text), tmp_path)
                    await start_bus(its)
                case "Install":
                    wheel = await asyncio.to_thread(lambda: Built(tmp_path / "built").wheel)
                    for machine in its.on.values():
                        shutil.copy(wheel, machine.root / "root")
                    await run_all(its, of_heading)
                case "Gateways and pollers":
                    its.hand_out(
                        MACHINES[:2],
                        *(tmp_path / f"{name}" for name in ("authority.pem", "gateway.pem", "gateway.key")),
                    )
                    said = await run_all(its, of_heading)
                    assert any("ready" in text for text in said)
                    for name in MACHINES[:2]:
                        assert "prices are live" == await its.on[name].show("tickgate-gateway@8081", "StatusText")
                case "The front":
                    its.hand_out(("front",), tmp_path / "authority.pem", tmp_path / "prices.pem")
                    start, look = of_heading
                    await its.run(start)

                    async def all_are_used(look: Block = look) -> bool:
                        return 3 == (await its.run(look)).count("gateways,gateway-")

                    await eventually(all_are_used, within_s=30)
                    await its.visit()
                    with pytest.raises(Exception, match="401"):
                        async with its.client_of_prices(its.token(aud="others")):
                            pass
                case "Metrics":
                    await scrape(its, of_heading)
                case "Logs":
                    (said_there,) = await run_all(its, of_heading)
                    assert all(json.loads(line)["message"] for line in said_there.splitlines())
                    assert said_there
                case "Upgrades":
                    await upgrade(its, of_heading)
                case _:
                    raise AssertionError(f"{heading} has commands, and nobody runs them")


def here(command: tuple[str, ...], folder: Path) -> None:
    """Run a short command on this machine."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


async def run_all(its: Place, some: Sequence[Block]) -> list[str]:
    """Run blocks one after the other; what each prints."""
    return [await its.run(block) for block in some]


async def upgrade(its: Place, some: Sequence[Block]) -> None:
    """Upgrade while clients come one after the other, and one stays through the reload of the front."""
    visits, goes_on = 0, True

    async def come() -> None:
        nonlocal visits
        while goes_on:
            await its.visit()
            visits += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(come())
        for block in some[:-1]:
            await its.run(block)
        async with its.client_of_prices(its.token()) as link:
            await its.run(some[-1])
            before = visits
            await eventually(lambda: _is(visits > before + 3), within_s=30)
            await link.send('{"type":"ping"}')
            async with asyncio.timeout(20):
                while json.loads(await link.recv())["type"] != "pong":
                    pass
        goes_on = False


async def _is(truth: bool) -> bool:
    return truth


async def scrape(its: Place, some: Sequence[Block]) -> None:
    """Prometheus understands the file, and each target answers, but for who has no token."""
    (block,) = some
    (file := its.folder / "prometheus.yml").write_text(block.text, encoding="utf-8")
    if shutil.which("promtool"):
        here(("promtool", "check", "config", "--syntax-only", str(file)), its.folder)
    (token,) = set(re.findall(r"credentials: ([\w-]+)", block.text))
    curl = ("curl", "--silent", "--show-error", "--fail", "--cacert", "/etc/tickgate/authority.pem")
    front = its.on["front"]
    for target in re.findall(r'"(10[\d.]+:\d+)"', block.text):
        port = target.rpartition(":")[2]
        if port == "8404":
            assert "haproxy_" in await front.run(*curl, f"http://{target}/metrics")
            continue
        url, metric = f"http://{target}/metrics", "tickgate_poller_leading"
        if port != "9100":
            url, metric = f"https://tickgate-gateway:{port}/metrics", "tickgate_connections"
        way = ("--connect-to", f"tickgate-gateway:{port}:{target}", url)
        assert metric in await front.run(*curl, "-H", f"Authorization: Bearer {token}", *way)
        with pytest.raises(OSError, match="401"):
            await front.run(*curl, *way)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """The machines, bare; and an exchange and an identity provider in the world."""

    def say(name: str, line: str) -> None:
        print(f"{name:<10}| {line}")  # noqa: T201 # pytest shows it on failure

    async with AsyncExitStack() as exits:
        net = await exits.enter_async_context(network(say))
        for name in ("bus", *MACHINES, "world", "client"):
            net.add(name)
        told = dict(re.findall(r"^\| `([\w.-]+)` \| (10[\d.]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
        assert told == {"bus.internal": net["bus"].address} | {name: net[name].address for name in MACHINES}
        key = rsa.generate_private_key(65537, 2048)
        its = Place(folder, net, trustme.CA(), key)
        front = its.public.issue_cert("prices.example.com")
        front.private_key_and_cert_chain_pem.write_to_path(str(folder / "prices.pem"))
        await start_world(its)
        (site := folder / "site").mkdir()
        for needed in needed_by(distribution(NAME), ()):
            copy(needed, site)
        for name in MACHINES:
            (its_folder := folder / name).mkdir()
            root = bare_root(its_folder)
            furnish(its, root)
            binds = {str(site): "/opt/site", sys.base_prefix: "/opt/python"}
            own = switched_on(root, binds, net[name].namespace.path)
            its.on[name] = await exits.enter_async_context(own)
        yield its


def furnish(its: Place, root: Path) -> None:
    """What any machine of theirs has: names, authorities, and packages where pip looks for none elsewhere."""
    names = {"bus.internal": "bus", "login.example.com": "world", "prices.example.com": "front"}
    (root / "etc" / "hosts").write_text(
        "127.0.0.1 localhost\n" + "".join(f"{its.net[host].address} {name}\n" for name, host in names.items())
    )
    (root / "etc" / "nsswitch.conf").write_text("passwd: files systemd\ngroup: files systemd\nhosts: files\n")
    (certificates := root / "etc" / "ssl" / "certs").mkdir(parents=True)
    its.public.cert_pem.write_to_path(str(certificates / "public.pem"))
    subprocess.run(("openssl", "rehash", str(certificates)), check=True)
    (root / "etc" / "pip.conf").write_text("[global]\nno-index = true\n[install]\nno-deps = true\n")
    (packages := root / "opt" / "tickgate" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages").mkdir(
        parents=True
    )
    (packages / "needed.pth").write_text("/opt/site\n")
    (manager := root / "etc" / "systemd" / "system.conf.d").mkdir()
    (manager / "python.conf").write_text(
        f"[Manager]\nDefaultEnvironment=LD_LIBRARY_PATH={PYTHONS['LD_LIBRARY_PATH']}\n"
    )
    (drop_in := root / "etc" / "systemd" / "system" / "tickgate-poller@.service.d").mkdir()
    lines = "".join(f"Environment={name}={url}\n" for name, url in exchange(its.net).items())
    (drop_in / "exchange.conf").write_text(f"[Service]\n{lines}")


async def start_world(its: Place) -> None:
    """Start the exchange and the identity provider."""
    world = its.net["world"]
    options = ("--host", world.address, "--port", "9000", "--symbols", "BTCUSDT,ETHUSDT,SOLUSDT")
    await world.start("exchange", (*PYTHON, "tests.exchange", *options), environment())
    public_key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(its.key.public_key())) | {"kid": "one", "alg": "RS256"}
    (served := its.folder / "login").mkdir()
    (served / "jwks.json").write_text(json.dumps({"keys": [public_key]}), encoding="ascii")
    certificate = its.folder / "login.pem"
    its.public.issue_cert("login.example.com").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    await world.start("login", (sys.executable, "-c", LOGIN, str(certificate), str(served)), environment())
    await its.net.until_answers(world, 9000)
    await its.net.until_answers(world, 443)


async def start_bus(its: Place) -> None:
    """Start a server that knows one user, behind TLS by the authority that was made."""
    bus = its.net["bus"]
    (name,) = re.findall(r"rediss://(\w+)@", PAGE.read_text(encoding="utf-8"))
    (password,) = re.findall(
        r"^echo (\S+) > /etc/tickgate/redis.password$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    user = ("--user", "default", "off", "--user", name, "on", f">{password}", "~*", "&*", "+@all")
    options = ("--bind", "127.0.0.1", "--port", "6380", "--save", "", "--appendonly", "no")
    await bus.start("valkey", (valkey_server(), *options, *user), environment())
    authority = trustme.CA.from_pem(
        (its.folder / "authority.pem").read_bytes(), (its.folder / "authority.key").read_bytes()
    )
    certificate, config = its.folder / "bus.pem", its.folder / "bus.cfg"
    authority.issue_cert("bus.internal").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    config.write_text(TLS_OF_BUS.format(address=bus.address, certificate=certificate), encoding="ascii")
    await bus.start("haproxy", (str(find_haproxy()), "-db", "-f", str(config)), environment())
    await its.net.until_answers(bus, 6379)
