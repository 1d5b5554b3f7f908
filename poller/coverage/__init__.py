"""A source on an exchange's streams that keeps every symbol covered: by its stream, or by REST in its place."""
