"""The users of docs/access.md on a cluster and behind Sentinels, which grant only what stands there."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from deploy.checks.cluster_rights import needs_of
from deploy.checks.rights import LACKING, Need, Program, article
from market.bus import BusDownError, open_bus
from market.bus.partitions import MAX_PARTITIONS
from market.bus.redis.cluster.roles.layout import partition_key, stand_by_key
from tests.integration.granted import NAMED, PASSWORD, USERS, checked, documented, grant, serve_prices, without_one
from tests.sentinel import Sentinels
from tests.valkey_cluster import ValkeyCluster
from tests.waiting import until

pytestmark = pytest.mark.integration

CLUSTER: Final = "### A cluster"


@pytest.mark.parametrize("user", USERS)
def test_each_right_of_the_document_is_needed_on_a_cluster(valkey_cluster: ValkeyCluster, user: Program) -> None:
    """With all of them nothing is refused; without any single one something is."""
    node = valkey_cluster.nodes[0]
    needed = [*needs_of(user), Need(user, ("cluster", "slots")), Need(user, ("cluster", "info"))]
    if user != "operator":
        needed += [Need(user, ("hget", partition_key(number), "x")) for number in (10, MAX_PARTITIONS - 1)]
    words = documented(user, CLUSTER)

    def allowed(words: list[str]) -> bool:
        grant(node.command, user, words)
        with Redis(port=node.port, username=user, password=PASSWORD) as client:
            try:
                return not client.execute_command("EVAL", LACKING, 0, *(need.encoded for need in needed))
            except NoPermissionError:
                return False

    try:
        assert allowed(words)
        assert [NAMED] == [right for right, rest in without_one(words) if allowed(rest)]
    finally:
        node.command("ACL", "DELUSER", user)


@pytest.mark.long("gateway", "poller", "market", "deploy", "docs/access.md")
async def test_programs_with_these_rights_alone_serve_prices_on_a_cluster(valkey_cluster: ValkeyCluster) -> None:
    """No node has refused anything, and the check for each program finds that nothing is missing."""

    def url_of(user: str) -> str:
        return valkey_cluster.url.replace("://", f"://{user}:{PASSWORD}@")

    try:
        for node in valkey_cluster.nodes:
            for user in USERS:
                grant(node.command, user, documented(user, CLUSTER))
            node.command("ACL", "LOG", "RESET")
        stand_by = stand_by_key("poller")
        await serve_prices(url_of, lambda: any(_has(node.command, stand_by) for node in valkey_cluster.nodes))
        for node in valkey_cluster.nodes:
            assert [] == node.command("ACL", "LOG")
        for user in USERS:
            found = await checked(url_of(user), user)
            assert "wrong" not in {its.mark for its in found}, found
            assert f"user {user} may do all that {article(user)} needs, on every node" in {its.text for its in found}
            for other in USERS:
                wrong = [its.text for its in await checked(url_of(user), other) if its.mark == "wrong"]
                assert bool(wrong) == (user != other), wrong
    finally:
        for node in valkey_cluster.nodes:
            node.command("ACL", "DELUSER", *USERS)


def _has(command: Callable[..., Any], key: str) -> bool:
    try:
        return bool(command("EXISTS", key))
    except ResponseError:
        # Another node has it.
        return False


@pytest.mark.long("gateway", "poller", "market", "deploy", "docs/access.md")
async def test_programs_with_these_rights_alone_serve_prices_behind_sentinels(sentinels: Sentinels) -> None:
    """Neither data servers nor Sentinels have refused anything; each right at the Sentinels is needed."""
    words = documented("prices", "### Sentinels")

    def url_of(user: str) -> str:
        at_sentinels = f"sentinel_username=prices&sentinel_password={PASSWORD}"
        return f"{sentinels.url.replace('://', f'://{user}:{PASSWORD}@')}?{at_sentinels}"

    async def is_refused() -> bool:
        """Whether a Sentinel refuses something to a bus that is in use."""
        sentinel = sentinels.sentinels[0]
        sentinel.command("ACL", "LOG", "RESET")
        bus = open_bus(url_of("gateway"))
        try:
            with suppress(BusDownError):
                await bus.last_values.read(["states"], max_bytes=9)
            await until(lambda: sentinel.command("ACL", "LOG"))
        except TimeoutError:
            return False
        finally:
            await bus.aclose()
        return True

    everybody = [*sentinels.servers, *sentinels.sentinels]
    try:
        for server in sentinels.servers:
            for user in USERS:
                grant(server.command, user, documented(user))
        for sentinel in sentinels.sentinels:
            grant(sentinel.command, "prices", words)
        for server in everybody:
            server.command("ACL", "LOG", "RESET")
        await serve_prices(url_of, lambda: sentinels.primary().command("EXISTS", "standby.poller"))
        for server in everybody:
            assert [] == server.command("ACL", "LOG")
        needless = []
        for right, rest in without_one(words):
            for sentinel in sentinels.sentinels:
                grant(sentinel.command, "prices", rest)
            if not await is_refused():
                needless.append(right)
        assert [] == needless
        for sentinel in sentinels.sentinels:
            grant(sentinel.command, "prices", [*words, "+sentinel|replicas", "+sentinel|ckquorum"])
        for user in USERS:
            found = await checked(url_of(user), user)
            assert "wrong" not in {its.mark for its in found}, found
            assert [its.subject for its in found if "may do all" in its.text] == ["rights", "replica", "replica"]
    finally:
        for server in sentinels.servers:
            server.command("ACL", "DELUSER", *USERS)
        for sentinel in sentinels.sentinels:
            sentinel.command("ACL", "DELUSER", "prices")
