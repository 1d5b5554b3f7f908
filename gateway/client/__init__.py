"""One client, from its welcome to its end: its session, its token, and what its messages cost."""
