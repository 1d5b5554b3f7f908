"""Clients of the brokers that ``BUS_URL`` names. librdkafka does the work in threads of its own.

- ``url``: the URL, and what librdkafka is told of it;
- ``client``: makes producers and consumers, and looks after the topics;
- ``topics``: whether the topics can be used, and creating them;
- ``faults``: what went wrong, in words;
- ``pulse``: whether a consumer's brokers are alive;
- ``reader``: reads a range of records;
- ``subscription``: reads as records come, in a thread, and hands them to the event loop.
"""
