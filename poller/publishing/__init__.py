"""Ticks and heartbeats onto the bus, in order and by one poller at a time, whatever the bus does."""
