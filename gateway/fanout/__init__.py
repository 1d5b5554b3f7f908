"""From the bus to the connections that want a symbol: one blob for all that want the same."""
