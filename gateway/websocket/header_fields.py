"""Header fields whose value is a list: it may come as one line or as several (RFC 9110, section 5.3)."""

from multidict import MultiMapping


def elements(headers: MultiMapping[str], name: str) -> list[str]:
    """The elements of the list, in their order, of all lines; empty ones do not count (RFC 9110, section 5.6.1)."""
    lines = headers.getall(name, ())
    return [element for line in lines for entry in line.split(",") if (element := entry.strip(" \t"))]


def has_token(headers: MultiMapping[str], name: str, token: str) -> bool:
    """Whether ``token``, given in lower case, is one of the elements, as a whole; case does not matter."""
    first = headers.get(name)
    if first is None:
        return False
    # Nearly always it is the only one.
    return first.lower() == token or any(element.lower() == token for element in elements(headers, name))


def asks_for_websocket(headers: MultiMapping[str]) -> bool:
    """Whether a request wants its connection to become a WebSocket (RFC 6455, section 4.2.1)."""
    return has_token(headers, "Upgrade", "websocket") and has_token(headers, "Connection", "upgrade")
