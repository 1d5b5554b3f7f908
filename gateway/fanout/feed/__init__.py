"""What comes from the bus: ticks, states, and whether prices are live or stale."""
