"""The codes of an ``error``, each with what it means; docs/protocol.md is made of them."""

from typing import Literal

ErrorCode = Literal[
    "bad_json",  # The message is not JSON, or not MessagePack.
    "bad_message",  # A field has a wrong type, is missing, or is unknown.
    "wrong_frame",  # A binary frame came where text is due, or text where binary is.
    "unknown_command",  # There is no such command.
    "unknown_symbol",  # This gateway serves no such symbol. The message suggests others for the first three such names.
    "too_many_symbols",  # The connection would hold more symbols than the gateway or its token allows.
    "too_many_options",  # The connection would have more than four different sets of options. Nothing has changed.
    "unauthorised",  # There is no token yet, or it is not valid.
    "forbidden",  # The token does not allow it.
    "expired",  # The token has expired. The connection is closed.
    "revoked",  # An operator has revoked the token. A connection that it opened is closed.
    "rate_limited",  # Too many messages per second. This one was not read.
    "too_many_connections",  # The token's subject has too many connections.
    "try_later",  # The token cannot be checked now.
    "too_many_errors",  # Too many messages were wrong. The connection is closed.
]
