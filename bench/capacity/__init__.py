"""What does a million clients take? ``python -m bench.capacity`` answers from measured costs.

    question ─▶ work: what is done each second ─▶ unit costs: what that takes ─▶ plan: processes, cores, memory, network

``plan`` has the arithmetic and ``answers`` prints it. ``work`` counts, ``unit_costs`` keeps what a piece of work costs
on one machine. ``measuring`` measures that, with the loads of ``shapes``, and ``fitting`` separates the costs.
``checks`` compares predictions with further measurements. ``document`` writes what follows from the costs into the
document, and ``__main__`` is the command.

``storm`` simulates how the clients of a thousand gateways come back, on virtual time; ``fleet`` has those gateways, and
``storms`` the losses. ``docs/capacity.md`` explains all of it.
"""
