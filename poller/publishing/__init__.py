"""Ticks and heartbeats onto the bus, in order and by one poller at a time, also through faults of the bus.

``publisher``    sends ticks while this poller leads
``tick_batches`` what is published at once: a batch of ticks for each partition, and the heartbeat
``send_buffer``  the ticks to send: every one while the bus is up, the newest of each symbol while not
``slow_topics``  what changes once a second at most: figures of 24 hours, and the listing
``heartbeat``    the content of heartbeats, and when the next is due
``leadership``   decides which of several pollers publishes
``sequencer``    the ``seq`` of every tick
``measures``     ages of ticks on their way to the bus, and its publishes
``waiting``      waits for an event, and not for ever
``other_pollers`` whether they publish in as many partitions as this one
"""
