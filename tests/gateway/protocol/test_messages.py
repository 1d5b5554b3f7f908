"""The messages as types are the messages that the page tells of."""

from pathlib import Path
from typing import get_args

import msgspec

from gateway.protocol import messages

PROTOCOL = (Path(__file__).parent.parent.parent.parent / "docs" / "protocol.md").read_text(encoding="utf-8")


def tags(base: type[msgspec.Struct]) -> set[str]:
    """The ``type`` of every message below ``base``."""
    return {str(one.__struct_config__.tag) for one in base.__subclasses__()}


def test_every_command_is_documented() -> None:
    """Each command, and each option of subscribe, stands on the page; and the union knows each command."""
    assert tags(messages.Command) == {one.__struct_config__.tag for one in get_args(messages.AnyCommand)}
    for tag in tags(messages.Command):
        assert f'"type":"{tag}"' in PROTOCOL
    for field in msgspec.structs.fields(messages.Subscribe):
        assert f"`{field.name}`" in PROTOCOL or f'"{field.name}"' in PROTOCOL


def test_every_message_is_documented() -> None:
    """Each message that a gateway sends is named on the page."""
    for tag in tags(messages.Message):
        assert f"\n### `{tag}`\n" in PROTOCOL, tag


def test_every_close_code_is_documented() -> None:
    """Each code that a gateway closes with stands on the page's table."""
    from gateway.websocket.close_codes import CloseReason

    for reason in CloseReason:
        assert f"| {reason.code} |" in PROTOCOL, reason
