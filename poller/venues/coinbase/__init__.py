"""Coinbase Exchange: its top of book out of ``level2_batch``, its last trades out of ``ticker``."""
