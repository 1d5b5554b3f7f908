"""What ``tickgate check`` looks at. Each module asks about one thing, and answers with findings:

- ``finding``: what was found, in words, with the fix;
- ``settings``: every variable that a program cannot use, and those that are likely mistakes;
- ``bus``: the server that ``BUS_URL`` names, or that its ``sentinels`` name; and the store beside Kafka;
- ``kafka``: the brokers of Kafka that it names instead;
- ``rights``: what poller and gateway need to do there, and ``rights_asked``: what of it their user may do;
- ``cluster``: the cluster that it names instead, and ``cluster_rights``: what its user may do on each node;
- ``exchange``: the venue's REST interface, clock, streams and symbols;
- ``listening``: the ports, and ``holders``: who has them;
- ``haproxy``: the load balancer and its configuration;
- ``machine``: the limit of open files, and the programs that are installed.
"""
