"""What there is instead of a symbol that the gateway does not know, in words for a terminal."""

from typing import Final

from msgspec import UNSET, structs

from gateway.protocol.messages import Error, ServedSymbols

ASK: Final = '{"type":"symbols","id":"symbols"}'
"""The message that asks for the symbols."""
MOST: Final = 20
"""Symbols that are named."""


class Listing:
    """An error about unknown symbols, kept until the gateway has listed those that it serves."""

    def __init__(self, error: Error) -> None:
        self.unanswered = error
        """The error as it came."""
        self._names: list[str] = []

    def take(self, message: ServedSymbols) -> bool:
        """Note a part of the list; return whether it was the last one."""
        self._names += [served.symbol for served in message.symbols]
        return message.more is UNSET or not message.more

    @property
    def error(self) -> Error:
        """The error, with the symbols that there are instead of the protocol's way to ask for them."""
        # The gateway's hint is for programs: `; {"type":"symbols"} lists what there is`.
        text = self.unanswered.message.partition('; {"type"')[0]
        return structs.replace(self.unanswered, message=f"{text}; {served(self._names)}")


def served(names: list[str]) -> str:
    """The symbols of a gateway: how many, and some of them."""
    if not names:
        return "the gateway serves no symbol that you may have"
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"the gateway serves {len(names)}: {', '.join(names[:MOST])}{more}"
