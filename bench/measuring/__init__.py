"""How something is measured, once and in rounds.

``ground``        what every measurement begins with: cores, open files, an embedded Valkey
``measure``       one scenario against one server, once
``deliveries``    what the clients of a run got, and whether that can be believed
``updates``       the poller alone, by ``poller_cost``, which runs in the measured tree
``suite``         rounds of all scenarios
``against``       rounds of this tree and a commit's
``fronts``        rounds of all fronts
``slow_readers``  the age of the prices that slow readers have
``strangers``     the commands of slow readers and of attacks
"""
