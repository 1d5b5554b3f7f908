"""The messages between client and gateway: their types, and their bytes in each encoding."""
