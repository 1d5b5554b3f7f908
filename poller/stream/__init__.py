"""Connections to an exchange's streams, always one for each symbol; its `dialect` knows what is said on them."""
