"""A run as a whole.

``_options``  of the command line
``_run``      what all users of a process share
``_report``   what a run found
"""
