"""When the next flush is due.

``load``             how busy the event loop is
``flush_scheduler``  when a group is flushed: at once when quiet, after a rest when busy, at a rate when asked
``pending``          what waits for the next flush of a group, kept once for all its cohorts
"""
