"""Ticks from the bus to every connection that holds their topic. Read it in the order a tick takes.

``feed``             bus messages in, ticks out; knows the last values, and whether prices are live or stale
``hub``              topic → groups; gives every tick to the groups that hold its topic
``pending``          what waits for the next flush of a group, kept once for all its cohorts
``load``             how busy the event loop is
``flush_scheduler``  when a group is flushed: at once when quiet, after a rest when busy, at a rate when asked
``group``            cohorts that are flushed together
``cohort``           the connections that want exactly the same; one blob for all of them per flush
``places``           who holds a cohort, and whether as a member, as a newcomer or as one that is slow
``membership``       which cohorts each connection holds, and whether it is fast or slow: the one owner of that
``member``           a connection as cohorts see it: what it wants, what it can do, what it is sent alone or has missed
``registry``         groups and cohorts, by what their members want
``bursts``           states of many topics that change at once, sent piece by piece
``slow_consumers``   connections that do not drain or read, and their way back
``catch_up``         the way of a slow connection: slice by slice to the newest prices, and back into its cohorts
``backlog``           what a slow connection is owed: the newest tick of each topic that it missed
``history``          what was published lately, for clients that ask for what they missed
``window``           how much may be on its way to a client that has not read it
"""
