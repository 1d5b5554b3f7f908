"""A plan as text."""

from bench.capacity.plan import Part, Plan, Question
from bench.capacity.unit_costs import UnitCosts
from bench.reports.report import table


def render(question: Question, plan: Plan, costs: UnitCosts) -> str:
    """The question, the parts, and remarks."""
    wanted = (
        f"{question.clients:,} clients × {question.symbols} of {question.of} symbols × {question.updates:g} updates/s"
    )
    pace = f", {question.max_hz:g} at most of each symbol" if question.max_hz else ""
    lines = [
        f"{wanted}{pace}; bus {question.bus}, front {question.front}",
        f"costs: {costs.machine.get('cpu', '?')}, {costs.when[:10]}",
        "",
        f"in      {plan.ticks_per_s:,.0f} ticks/s, {question.at_once:g} at once",
        f"out     {plan.ticks_out_per_s:,.0f} ticks/s; each client {plan.ticks_per_client_s:,.1f} ticks"
        f" in {plan.writes_per_client_s:,.1f} writes a second",
        f"gateway {plan.clients_per_gateway:,.0f} clients, {plan.gateway_share:.0%} of a core",
        f"if {question.lost_share:.0%} of the gateways are lost: at most {plan.returning_per_s:,.0f} connects/s at each"
        f" other one, {plan.returning_share:.0%} of its core while they last",
        "",
        table([["", "processes", "cores", "memory GB", "files each", "Mbit/s out"], *map(_row, plan.parts)]),
    ]
    return "\n".join([*lines, "", *plan.remarks])


def _row(part: Part) -> list[str]:
    return [
        part.name,
        f"{part.processes:,}",
        "?" if part.cores is None else f"{part.cores:,.2f}",
        "?" if part.memory_gb is None else f"{part.memory_gb:,.2f}",
        f"{part.files:,}",
        f"{part.out_mbit_s:,.1f}",
    ]
