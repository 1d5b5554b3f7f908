"""TLS on the way to the bus: the options of a ``rediss://`` URL."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from market.bus.errors import BusUrlError

TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")

YES: Final = frozenset({"true", "1"})
NO: Final = frozenset({"false", "0"})


class Tls(Struct, frozen=True, kw_only=True):
    """How we verify the server, and how it verifies us."""

    ca_certs: str | None = None
    """A PEM file of authorities to trust beside the system's."""
    verify: bool = True
    """Whether the server needs a certificate of a trusted authority."""
    check_hostname: bool = True
    """Whether that certificate must be for the host of the URL."""
    certfile: str | None = None
    """A PEM file with our own certificate, and with its key unless ``keyfile`` has it."""
    keyfile: str | None = None

    @classmethod
    def parse(cls, options: Mapping[str, str], prefix: str = "") -> "Tls":
        """Read the options of a URL, and check the files that they name. In the URL they begin with ``prefix``.

        Raises:
            BusUrlError: an option that cannot be used. The message names it, and not its value.
        """
        reqs = options.get("ssl_cert_reqs", "required")
        if reqs not in {"required", "none"}:
            raise BusUrlError(
                f"has {_a(prefix)}ssl_cert_reqs that is not known; write {prefix}ssl_cert_reqs=required or none"
            )
        verify = reqs == "required"
        check = options.get("ssl_check_hostname", "true" if verify else "false").lower()
        if check not in YES | NO:
            raise BusUrlError(
                f"has {_a(prefix)}ssl_check_hostname that is not known; write {prefix}ssl_check_hostname=true or false"
            )
        if check in YES and not verify:
            raise BusUrlError(
                f"asks for {prefix}ssl_check_hostname with {prefix}ssl_cert_reqs=none, which checks nothing; remove one"
            )
        tls = cls(
            ca_certs=options.get("ssl_ca_certs"),
            verify=verify,
            check_hostname=check in YES,
            certfile=options.get("ssl_certfile"),
            keyfile=options.get("ssl_keyfile"),
        )
        tls._require_files(prefix)
        return tls

    def arguments(self) -> dict[str, Any]:
        """For redis-py's `SSLConnection`, which reads the files again for each connection."""
        return {
            "ssl_ca_certs": self.ca_certs,
            "ssl_cert_reqs": "required" if self.verify else "none",
            "ssl_check_hostname": self.check_hostname,
            "ssl_certfile": self.certfile,
            "ssl_keyfile": self.keyfile,
            # Without one OpenSSL asks for the password of an encrypted key on the terminal.
            "ssl_password": "",
        }

    def _require_files(self, prefix: str) -> None:
        if self.keyfile is not None and self.certfile is None:
            raise BusUrlError(f"has {prefix}ssl_keyfile without {prefix}ssl_certfile; name the certificate's file too")
        for name, path in (
            ("ssl_ca_certs", self.ca_certs),
            ("ssl_certfile", self.certfile),
            ("ssl_keyfile", self.keyfile),
        ):
            if path is not None and (reason := _unreadable(path)):
                raise BusUrlError(f"has {_a(prefix)}{name} that cannot be read ({reason}); name a readable PEM file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_certs is not None and not _works(context.load_verify_locations, self.ca_certs):
            raise BusUrlError(
                f"has {_a(prefix)}ssl_ca_certs that holds no certificate; name a PEM file of the authority's"
            )
        if self.certfile is not None and not _works(context.load_cert_chain, self.certfile, self.keyfile, ""):
            raise BusUrlError(
                f"has {_a(prefix)}ssl_certfile that does not go with its key; name PEM files of one certificate and of"
                " its key, not encrypted"
            )


def _a(prefix: str) -> str:
    return f"a {prefix}" if prefix else "an "


def _works(load: Any, *arguments: object) -> bool:
    try:
        load(*arguments)
    except (OSError, ValueError):
        return False
    return True


def _unreadable(path: str) -> str | None:
    try:
        # Reading another kind of file could block for ever.
        if not Path(path).is_file():
            return "no such file"
        with Path(path).open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "not a path"
    return None
