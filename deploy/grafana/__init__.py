"""The dashboard for Grafana, and a picture of it.

``panels``     what a panel is
``rows``       what it shows: panels with their queries, units and bounds
``layout``     where each panel stands
``dashboard``  makes ``dashboard.json`` of that, with Grafana's Foundation SDK
``prometheus`` asks a Prometheus
``drawing``    draws the panels of what it answered
``picture``    the command for that
"""
