"""The clients of a server, in a process of their own, and what they find.

``client``      the process, told what to do in JSON lines
``load``        its clients, on raw sockets; ``connection``: one of them
``dialects``    how clients of other servers speak
``wire``        the frames of WebSocket, counted and not parsed
``audit``       whether what arrived was right
``readers``     the process of readers of every speed; ``hand``: the prices that one has
"""
