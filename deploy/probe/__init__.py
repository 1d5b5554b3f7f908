"""``tickgate probe``: is a gateway good for a client? It is one for some seconds, and says what it saw.

    visit ──Seen──▶ verdict ──Finding──▶ report

``command``  the arguments and the exit code
``visit``    one connection, and what is measured on it
``verdict``  what is seen, held against the bounds; no I/O
``report``   findings as lines, as JSON, or as metrics for Prometheus' node exporter
"""
