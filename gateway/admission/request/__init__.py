"""The head of a request as bytes, before anything parses it."""
