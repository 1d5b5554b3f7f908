"""Imported first by each program: SIGHUP does not end it while everything else is imported, which takes a while.

A program reads its settings after that, so there is nothing to read again.
"""

import signal

signal.signal(signal.SIGHUP, signal.SIG_IGN)
