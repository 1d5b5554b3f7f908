"""NGINX: the values of ``deploy/nginx.conf``, and how the launcher starts it."""

import os
import resource
import shutil
from pathlib import Path
from typing import Final

from deploy import files
from deploy.errors import DeployError
from deploy.fronts.template import render
from deploy.fronts.values import Front

_FOLDER: Final = "/var/lib/nginx"
"""Where NGINX of Debian keeps what it has to keep."""
_OPEN_FILES: Final = 250_000
"""As in ``haproxy.cfg``."""
_ACCESS_LOG: Final = "/var/log/nginx/access.log"


def find_nginx() -> str | None:
    """The NGINX program, or None. Debian has it outside the ``PATH`` of ordinary users."""
    return shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def configuration(front: Front, folder: Path | None = None) -> str:
    """The whole configuration; with ``folder`` for one process of the launcher that keeps its files there.

    Raises:
        DeployError: a value that cannot stand there.
    """
    at = _FOLDER if folder is None else str(folder)
    # Of the launcher's own limit nothing above the hard one is to be had.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files_limit = _OPEN_FILES if folder is None or hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    return render(
        files.NGINX.read_text(encoding="utf-8"),
        {
            "FOLDER": at,
            "PID": "" if folder is None else f"{folder}/nginx.pid",
            "ACCESS_LOG": _ACCESS_LOG if folder is None else "/dev/stdout",
            "HARD_STOP_S": str(front.hard_stop_s),
            "OPEN_FILES": str(files_limit),
            "WORKER_CONNECTIONS": str(min(2 * front.max_connections + 512, files_limit)),
            "MAX_CONNECTIONS": str(front.max_connections),
            "CONNECTIONS_PER_IP": _limit(front.connections_per_ip),
            "REQUESTS": _limit(front.requests_per_10_s),
            "CONNECTS": _limit(front.connects_per_10_s),
            # A rate of none is not understood; then its zone is not used.
            "REQUESTS_PER_MINUTE": str(max(1, 6 * front.requests_per_10_s)),
            "CONNECTS_PER_MINUTE": str(max(1, 6 * front.connects_per_10_s)),
            "UNREAD_S": str(front.unread_s),
            "TRUSTED_PROXIES": [{"NETWORK": network} for network in front.trusted_proxies],
            "ACCEPT_PROXY": [{"NETWORK": network} for network in front.accept_proxy],
            "PROXY_PROTOCOL": " proxy_protocol" if front.accept_proxy else "",
            "RECURSIVE": "on" if front.hops > 1 else "",
            "GATEWAYS": [{"GATEWAY": str(gateway)} for gateway in front.gateways],
            "SCHEME": "https" if front.gateway_ca else "http",
            "GATEWAY_CA": front.gateway_ca,
            "GATEWAY_CERT_NAME": front.gateway_cert_name,
            "TLS": "on" if front.tls else "",
            "TLS_BIND": str(front.tls),
            "TLS_PORT": str(front.tls.port if front.tls else 0),
            "CERTIFICATE": front.certificate,
            "BIND": str(front.bind),
            "STATS_BIND": str(front.stats),
        },
    )


def command(front: Front, folder: Path) -> tuple[str, ...]:
    """Write the configuration into ``folder``; return the command that runs NGINX with it, in the foreground.

    Raises:
        DeployError: it is not installed, or a value cannot be used.
    """
    program = find_nginx()
    if program is None:
        raise DeployError("PATH has no nginx; install it (Debian: apt-get install nginx-light)")
    # Its workers may run as another user, who must reach what the master has made there for them.
    folder.chmod(0o711)
    file = folder / "nginx.conf"
    file.write_text(configuration(front, folder), encoding="utf-8")
    return (program, "-e", "stderr", "-p", str(folder), "-c", str(file), "-g", "daemon off;")


def _limit(number: int) -> str:
    return str(number) if number else ""
