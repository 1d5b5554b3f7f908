"""The messages between client and gateway: their types, and their bytes in each encoding.

``messages``  the types; README.md tells the same to people
``commands``  the bytes of a client's message → a command, or what is wrong with them
``encoding``  messages, ticks and batches → frames, each form made once for all clients
"""
