"""Plain HTTP: the pages and probes, the upgrade to a WebSocket, and the server that listens."""
