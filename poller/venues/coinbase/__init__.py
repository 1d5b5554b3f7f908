"""Coinbase Exchange: its top of book out of ``level2_batch``, its last trades out of ``ticker``.

``venue``     as the registry has it
``streams``   ``coinbase-ws``: what is its own about a source on its streams
``dialect``   what is sent on them, what they allow, and what comes
``products``  what it lists
"""
