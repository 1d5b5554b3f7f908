"""The servers of a bus that the launcher starts."""

from collections.abc import Iterator, Mapping, Sequence

from deploy.process.processes import Say
from deploy.process.program import Program


class BusServers:
    """The programs of one bus, and what makes a bus of them. A bus that needs more than one program is a subclass.

    The launcher calls `prepare`, starts stage after stage, each when the one before it is ready, and then calls `join`.
    At the end it stops the stages in reverse order, and calls `clean_up`.
    """

    def __init__(self, stages: Sequence[Sequence[Program]], variables: Mapping[str, str]) -> None:
        """``variables`` are for poller and gateways: ``BUS_URL``, and ``STORE_URL`` where the bus is no store."""
        self.stages = tuple(map(tuple, stages))
        self.variables = dict(variables)

    def __iter__(self) -> Iterator[Program]:
        """All programs, in the order in which they are started."""
        for stage in self.stages:
            yield from stage

    def __repr__(self) -> str:
        """Without the variables, which may hold secrets."""
        return f"{type(self).__name__}({', '.join(program.name for program in self)})"

    async def prepare(self, say: Say) -> None:
        """Make the files that the servers need, before any is started.

        Raises:
            DeployError: something is missing that is needed.
        """

    async def join(self, say: Say) -> None:
        """Make one bus of the servers, which are all ready, and return when poller and gateways can use it.

        It is cancelled if a server ends.

        Raises:
            DeployError: they did not become one bus.
        """

    def clean_up(self) -> None:
        """Remove the files that `prepare` made; every server has ended. It may come twice, or without `prepare`."""
