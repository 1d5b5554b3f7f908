"""WebSockets (RFC 6455 and 7692): bytes, frames and sockets. Nothing here knows a price or a command."""
