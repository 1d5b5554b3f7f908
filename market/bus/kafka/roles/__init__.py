"""The four roles on Kafka. Each part imports only from those below it:

- ``broker``: publishes into ``ticks`` and `last`, and subscribes to ``ticks``;
- ``last_values``: reads `last`, and the ``ticks`` since it was written;
- ``leadership``: leases in the store, each with a producer that keeps earlier leaders out;
- ``tickets``: what there is in place of tickets and presence without a store;
- ``history``: where a new subscription begins;
- ``sender``: one producer, and its transactions;
- ``records``: what a record looks like, in both topics.
"""
