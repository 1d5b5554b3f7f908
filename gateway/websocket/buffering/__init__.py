"""What the process keeps in memory for clients that do not read, or do not finish a message.

``buffers``  bounds it, in time and in bytes, for all connections together
``bounds``   how much that may be
``entries``  what is kept for one connection, since when, and what it costs
``memory``   how much memory there is for all of them
"""
