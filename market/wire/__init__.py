"""The messages of the processes on the bus. The tick itself is in `market.prices`; the bus knows nothing of this.

- ``topics``: the topics of ticks, heartbeats and states, and what is published together;
- ``codec``: their payloads, checked on the way in;
- ``tick_batch``: many ticks in one message of a partition;
- ``stats``: the figures of 24 hours; ``listings``: how a venue lists its symbols;
- ``orders``: what operators tell all gateways;
- ``presence``: what processes say of themselves to operators; ``announcing`` says it every few seconds;
- ``status``: the poller's heartbeat, and the states of its venue's symbols.
"""
