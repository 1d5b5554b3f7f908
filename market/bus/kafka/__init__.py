"""The bus on Apache Kafka. Each part imports only from those below it:

- ``bus``: the four roles, two of them on the store that ``STORE_URL`` names;
- ``roles``: each role, and the records that they write and read;
- ``connection``: clients of the brokers that ``BUS_URL`` names, and the two topics.

Two topics carry everything. ``ticks`` has what is published, in N partitions, for some time. ``last`` has last values,
and is compacted. A last value is in ``last`` within a second, and in ``ticks`` at once. So ``last``, and the ``ticks``
since it was written, have all last values at any moment.
"""
