"""Updates into ticks. Plain code without I/O.

``processor``  the book of every symbol; counts updates that make no tick
``book``       the state of one symbol, and how an update changes it
``readings``   decimal strings as integers, exactly
``scaling``    the scales of one tick
"""
