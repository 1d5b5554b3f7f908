"""The servers that the gateway is measured against, and the feeds that they are given."""
