"""Connections that do not drain or read.

``slow_consumers``  who they are, for how long, and when one is cut off
``backlog``         what each is owed: the newest tick of each topic that it missed
"""
