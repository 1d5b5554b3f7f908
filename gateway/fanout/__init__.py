"""Ticks from the bus to every connection that holds their topic. Read it in the order a tick takes.

``feed``        bus messages in, ticks out; knows the last values, and whether prices are live or stale
``hub``         topic → groups; gives every tick to the groups that hold its topic
``pacing``      when a group is flushed: at once when quiet, after a rest when busy, at a rate when asked
``cohorts``     a group's connections that want exactly the same; one blob for all of them per flush
``membership``  which cohorts each connection holds, and whether it is fast or slow: the one owner of that
``registry``    groups and cohorts, by what their members want
``stale_holders`` clients whose language has no word for stale prices
``slow``        connections that do not drain or read
``catch_up``    the way of a slow connection: slice by slice to the newest prices, and back into its cohorts
``history``     what was published lately, for clients that ask for what they missed
"""
