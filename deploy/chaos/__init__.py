"""``tickgate chaos``: makes faults in a deployment on this machine, and says what clients saw.

    fleet ──Target──▶ faults ──▶ trial ◀── observer (clients)
                                   │
                                   ▼
                                report

``command``   the arguments, the order of the faults, and the exit code
``fleet``     finds the processes of the deployment, and refuses those of others
``faults``    what can be done to a deployment, and how it is undone
``places``    where a process connects to: its bus, its exchange
``network``   cuts connections, and drops packets
``undo``      a keeper that undoes a fault, whatever becomes of the program that made it
``observer``  clients, and for how long each had old prices that were called live
``trial``     one fault, from before it to the end of what it does
``report``    a table as text, or a page with charts
``errors``    a fault that cannot be made
"""
