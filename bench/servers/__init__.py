"""The servers under test, and what they stand on.

``contenders``   the gateway and those that it is compared with
``rig``          the bus and the cores that all runs share
``server``       one of them, started on its core and ready
``front``        what may stand before a gateway
``certificate``  for a gateway that ends TLS
``stack``        a gateway at its default limits, fed, with a front or without
"""
