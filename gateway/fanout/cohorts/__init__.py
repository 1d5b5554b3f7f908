"""Connections that are sent the same bytes.

``group``   cohorts that are flushed together
``cohort``  the connections that want exactly the same; one blob for all of them per flush
``noting_cohort``  the same, with a note of how far they have come, for those that get every tick as events
``places``  who holds a cohort, and whether as a member, as a newcomer or as one that is slow
``member``  a connection as cohorts see it: what it wants, what it can do, what it is sent alone or has missed
``window``  how much may be on its way to a client that has not read it
``bursts``  states of many topics that change at once, sent piece by piece
"""
