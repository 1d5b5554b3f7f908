"""The types of the client in JavaScript are those of the protocol."""

from tests.reference.pages import COMMAND
from tests.reference.typescript import DECLARATIONS, declarations


def test_the_declarations_are_up_to_date() -> None:
    """The file in clients/js is what the code makes now."""
    text = DECLARATIONS.read_text(encoding="utf-8")
    assert text == declarations(), f"{DECLARATIONS.name} is not up to date: run `{COMMAND}`"


def test_every_command_and_every_message_is_declared() -> None:
    """A field is optional exactly where it may be absent, and what has a fixed set of values names them."""
    text = declarations()
    assert 'export interface SubscribeCommand {\n  type: "subscribe";\n' in text
    assert "  since?: Record<string, number> | null;\n" in text
    assert "  symbols: ServedSymbol[];\n" in text
    assert "  server_us?: number;\n" in text
    assert "  bid?: number;\n" in text
    assert "  state: SymbolState;\n" in text
    assert '  feed: "live" | "stale";\n' in text
