"""A bus of three Kafka brokers, and a Valkey server as the store, each on a host of its own."""

from deploy import files
from deploy.fronts.chosen import Folder
from tests.integration.hosts.network import Network
from tests.integration.hosts.valkeys import PORT as STORE_PORT
from tests.integration.hosts.valkeys import start_valkey
from tests.integration.stacks import environment
from tests.kafka import READY_S, properties_of_three

PORT = 9092
_CONTROLLER_PORT = 9093
_BROKERS = ("bus-1", "bus-2", "bus-3")
_STORE = "store"


class ThreeBrokers:
    """Every partition has a copy on each broker, and each broker leads one of three partitions."""

    host_names = (*_BROKERS, _STORE)

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self._disks = Folder("brokers")

    async def start(self, network: Network) -> None:
        places = [(network[name].address, PORT, _CONTROLLER_PORT) for name in _BROKERS]
        for number, name in enumerate(_BROKERS, 1):
            host = network[name]
            disk = self._disks.path / name
            disk.mkdir(exist_ok=True)
            (disk / "server.properties").write_text(properties_of_three(number, places, disk), encoding="ascii")
            if not host.runs(f"kafka of {name}"):
                await host.start(f"kafka of {name}", ("sh", str(files.KAFKA), "run", str(disk)), environment())
        await start_valkey(network[_STORE])
        await network.until_answers(network[_STORE], STORE_PORT)
        for name in _BROKERS:
            await network.until_answers(network[name], PORT, within_s=READY_S)
        brokers = ",".join(f"{address}:{PORT}" for address, *_ in places)
        self.variables = {
            "BUS_URL": f"kafka://{brokers}?replication=3",
            "STORE_URL": f"redis://{network[_STORE].address}:{STORE_PORT}/0",
            "BUS_PARTITIONS": "3",
        }
