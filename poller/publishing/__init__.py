"""Ticks and heartbeats onto the bus, in order and by one poller at a time, whatever the bus does.

``publisher``    sends what is put, while this poller leads
``send_buffer``  ticks on their way: every one while they flow, the newest of each symbol while they do not
``heartbeat``    what a heartbeat says, and when it is due
``leadership``   which of several pollers publishes
``sequencer``    the ``seq`` of every tick
"""
