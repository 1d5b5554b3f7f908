"""The messages as types are the messages that the README tells of."""

from pathlib import Path
from typing import get_args

import msgspec

from gateway.protocol import messages

README = (Path(__file__).parent.parent.parent.parent / "README.md").read_text(encoding="utf-8")


def tags(base: type[msgspec.Struct]) -> set[str]:
    """The ``type`` of every message below ``base``."""
    return {str(one.__struct_config__.tag) for one in base.__subclasses__()}


def test_every_command_is_documented() -> None:
    """Each command, and each option of subscribe, stands in the README; and the union knows each command."""
    assert tags(messages.Command) == {one.__struct_config__.tag for one in get_args(messages.AnyCommand)}
    for tag in tags(messages.Command):
        assert f'"type":"{tag}"' in README
    for field in msgspec.structs.fields(messages.Subscribe):
        assert f"`{field.name}`" in README or f'"{field.name}"' in README


def test_every_message_is_documented() -> None:
    """Each message that a gateway sends is named in the README."""
    for tag in tags(messages.Message):
        assert f"`{tag}" in README, tag


def test_every_close_code_is_documented() -> None:
    """Each code that a gateway closes with stands in the README's table."""
    from gateway.websocket.close_codes import CloseReason

    for reason in CloseReason:
        assert f"| {reason.code} |" in README, reason
