"""Does anything stay behind? ``python -m tests.soak`` finds out: minutes of clients and faults, and then a count.

``stage``    Valkey, poller, gateways: real processes
``churn``    a process of clients that come and go: `clients` do nothing wrong, `abusers` do; `worker` starts it again
``steady``   clients that stay and check every price: only what they asked for, never an older one, always the newest
``faults``   what happens to bus, poller, gateways and clients meanwhile
``reading``  what each process holds: memory, files, tasks, connections, cohorts, slow_consumers
``verdict``  whether that is what it held before
``soak``     puts it all together

It goes in rounds. At the end of each everybody leaves but the steady clients, and the counts must come back to what
they were before the first. Memory is compared from the end of the first round on: a process that has served nobody
yet has not filled its caches, and its allocator keeps what one peak took for the next.
"""
