"""What an exchange said, as ticks. Plain code without I/O.

``processor``  the book of every symbol; counts what makes no tick
``book``       what is known of one symbol, and how an update changes it
``readings``   decimal strings as integers, exactly
``scaling``    the scales of one tick
"""
