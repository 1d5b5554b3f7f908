"""What one connection says and hears, without its socket, and what is wrong with that.

``_session``   the protocol of ``/ws``; ``_trade``: that of ``/ws/trade``
``_checks``    finds gaps and wrong prices
``_findings``  who is told of them
``_tally``     counts of latencies and faults
"""
