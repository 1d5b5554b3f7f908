"""What programs measure of themselves, and how Prometheus reads it.

``histogram``   times and sizes in buckets: plain integers, read at each scrape
``family``      one metric: its name, kind, meaning and values
``exposition``  families as Prometheus' text, in turns of the event loop
``loop_lag``    how late the event loop is
``process``     what a process is: version, memory, descriptors
``certificate`` when a certificate ends
"""
