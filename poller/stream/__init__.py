"""An exchange's streams, kept alive: connections, subscriptions, and what is done where they fail."""
