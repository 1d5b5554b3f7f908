"""What stands between clients and the gateways: ``FRONT`` names it, and the variables are those of ``haproxy.cfg``.

``command``   ``tickgate front``: prints the configuration of one
``addresses`` where the front listens, and where the gateways are
``chosen``    which of them it is, and how its program is started
``values``    what the variables say, checked, for a configuration that does not read the environment by itself
``template``  a configuration made of a template and values
``nginx``     ``deploy/nginx.conf``: its values, and its command
``direct``    no front: what each gateway is told instead
``envoy``     ``deploy/envoy.yaml``: the same
``timeouts``  whether those of HAProxy and of gateways fit each other
"""
