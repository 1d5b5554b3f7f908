"""The settings that admission reads."""

from typing import Protocol

from gateway.admission.address import TrustedProxies
from gateway.admission.origin import AllowedHosts, AllowedOrigins


class Policy(Protocol):
    """The settings that decide who may connect, and how much each client may take: see `gateway.settings.Settings`.

    A limit of 0 means no limit.
    """

    @property
    def host(self) -> str:
        """The address that the gateway listens on."""

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """The names under which the gateway is served."""

    @property
    def allowed_origins(self) -> AllowedOrigins:
        """The sites whose pages may connect."""

    @property
    def trusted_proxies(self) -> TrustedProxies:
        """The proxies that are trusted about the address of a client."""

    @property
    def spare_loopback(self) -> bool:
        """Whether clients of this machine are exempt from the limits per address."""

    @property
    def ws_compression(self) -> str:
        """``on`` if messages may be compressed."""

    @property
    def auth_query_token(self) -> bool:
        """Whether a token may come in the URL."""

    @property
    def max_connect_rate_per_ip(self) -> float:
        """New connections of one address per second."""

    @property
    def max_connections_per_ip(self) -> int:
        """Connections of one address."""

    @property
    def max_connections_per_subject(self) -> int:
        """Connections of one token's subject, unless the token itself sets a limit."""

    @property
    def max_request_rate_per_ip(self) -> float:
        """Requests over plain HTTP of one address per second."""

    @property
    def max_messages_per_second(self) -> float:
        """Messages of one connection."""

    @property
    def max_messages_per_second_per_subject(self) -> float:
        """Messages of all connections of one token's subject."""

    @property
    def max_messages_per_second_per_ip(self) -> float:
        """Messages of all connections of one address."""
