"""What a gateway measures of itself. Reading it costs; measuring is some additions for each read and each flush.

``counters``  what has happened so far
``fan_out``   ages of prices, and the flushes
"""
