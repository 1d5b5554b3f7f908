"""What the process keeps in memory for clients that do not read, or do not finish a message."""
