"""When an issuer's keys are fetched, on a virtual clock; and once over a real socket."""

import asyncio
import functools
import itertools
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.auth.download import DownloadError, download
from gateway.auth.grant import RefusedError, TryLaterError
from gateway.auth.jwks import Jwks, Policy
from gateway.auth.keys import Family
from tests.fakes import run_virtual
from tests.gateway.auth.tokens import jwk, key_set, private_key

RSA, EC = private_key("RS256"), private_key("ES256")


class Issuer:
    """Publishes the keys of these names, or fails as a test says, after as long as a test says."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.fault: Exception | None = None
        self.takes_s = 0.0
        self.asked_at: list[float] = []

    async def download(self) -> bytes:
        self.asked_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.fault is not None:
            raise self.fault
        return key_set(*(jwk(RSA, kid=name) for name in self.names))

    def gaps(self) -> list[float]:
        """The seconds from each request to the next."""
        return [round(after - before, 6) for before, after in itertools.pairwise(self.asked_at)]


@asynccontextmanager
async def keys_of(issuer: Issuer, family: Family | None = None) -> AsyncIterator[Jwks]:
    """Started, and the first fetch done."""
    jwks = Jwks(issuer.download, family, random.Random(1))
    jwks.start()
    try:
        await asyncio.sleep(issuer.takes_s + 0.001)
        yield jwks
    finally:
        await jwks.aclose()


async def refused(jwks: Jwks, kid: str | None) -> str:
    """Expect that no key of this name is found; the message."""
    with pytest.raises(RefusedError) as caught:
        await jwks.fetch(kid)
    assert "unknown_key" == caught.value.code
    return str(caught.value)


async def later(jwks: Jwks, kid: str | None) -> TryLaterError:
    """Expect that keys cannot be had now."""
    with pytest.raises(TryLaterError) as caught:
        await jwks.fetch(kid)
    return caught.value


def test_keys_are_there_from_the_start() -> None:
    """The first fetch does not wait for a token, and a known key needs no other."""

    async def main() -> None:
        issuer = Issuer("one", "two")
        async with keys_of(issuer) as jwks:
            assert jwks.find("one") is not None
            assert jwks.find("two") is not None
            assert jwks.find("three") is None
            assert [0.0] == issuer.asked_at

    run_virtual(main())


def test_a_new_key_is_fetched_when_a_token_names_it() -> None:
    """A new key is fetched once when a token names it, and the token is valid."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            issuer.names = ("one", "two")
            await asyncio.sleep(60)
            assert jwks.find("two") is None
            key = await jwks.fetch("two")
            assert key is jwks.find("two")
            assert 2 == len(issuer.asked_at)

    run_virtual(main())


def test_strangers_cannot_hammer_the_issuer() -> None:
    """For any number of invented key names the issuer is asked at most once per cool-down."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            for number in range(7200):
                await asyncio.sleep(0.5)
                with pytest.raises((RefusedError, TryLaterError)):
                    await jwks.fetch(f"made up {number}")
            assert min(issuer.gaps()) >= 30
            assert jwks.find("one") is not None

    run_virtual(main())


def test_many_who_wait_share_one_fetch() -> None:
    """A thousand tokens with new keys at once cause one request, and all get its outcome."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            await asyncio.sleep(60)
            issuer.names, issuer.takes_s = ("one", "two"), 1
            asked = len(issuer.asked_at)
            good = [asyncio.create_task(jwks.fetch("two")) for _ in range(500)]
            bad = [asyncio.create_task(refused(jwks, f"made up {number}")) for number in range(500)]
            await asyncio.gather(*good, *bad)
            assert asked + 1 == len(issuer.asked_at)

    run_virtual(main())


def test_a_fetch_survives_who_asked_for_it() -> None:
    """A client that disconnects during a fetch does not end it for others."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            await asyncio.sleep(60)
            issuer.names, issuer.takes_s = ("two",), 1
            asked = len(issuer.asked_at)
            hasty = asyncio.create_task(jwks.fetch("two"))
            patient = asyncio.create_task(jwks.fetch("two"))
            await asyncio.sleep(0.5)
            hasty.cancel()
            assert await patient is jwks.find("two")
            assert hasty.cancelled()
            assert asked + 1 == len(issuer.asked_at)

    run_virtual(main())


def test_only_what_was_asked_for_in_vain_is_refused() -> None:
    """During the cool-down a name that the last fetch did not bring is refused; another one has to wait."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            await asyncio.sleep(60)
            assert "does not publish" in await refused(jwks, "staging")
            issuer.names = ("one", "two")
            await asyncio.sleep(10)
            assert "does not publish" in await refused(jwks, "staging")
            error = await later(jwks, "two")
            assert "try again in 20 s" in str(error)
            await asyncio.sleep(error.after_s)
            assert await jwks.fetch("two") is not None
            assert "staging" not in str(error)

    run_virtual(main())


def test_what_was_asked_for_in_vain_is_remembered_in_bounds() -> None:
    """Invented names are remembered up to a thousand; beyond that they have to wait."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            await asyncio.sleep(60)
            issuer.takes_s = 1
            asked = [asyncio.create_task(refused(jwks, f"made up {number}")) for number in range(2000)]
            await asyncio.gather(*asked)
            answers = [
                await asyncio.gather(jwks.fetch(f"made up {number}"), return_exceptions=True) for number in range(2000)
            ]
            assert 1000 == sum(isinstance(error, RefusedError) for (error,) in answers)
            assert 1000 == sum(isinstance(error, TryLaterError) for (error,) in answers)
            # The next fetch makes room again.
            await asyncio.sleep(60)
            await refused(jwks, "staging")
            await refused(jwks, "staging")

    run_virtual(main())


def test_a_revoked_key_vanishes() -> None:
    """A key that the issuer no longer publishes is not accepted after ten minutes, even without any new token."""

    async def main() -> None:
        issuer = Issuer("one", "two")
        async with keys_of(issuer) as jwks:
            issuer.names = ("two",)
            await asyncio.sleep(600)
            assert jwks.find("one") is None
            assert jwks.find("two") is not None

    run_virtual(main())


def test_keys_are_fetched_at_moments_of_their_own() -> None:
    """Refreshes come at random times shortly before they are due, so gateways do not ask together."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer):
            await asyncio.sleep(6000)
        gaps = issuer.gaps()
        assert all(540 <= gap <= 600 for gap in gaps)
        assert len(gaps) == len(set(gaps))
        assert len(gaps) >= 10

    run_virtual(main())


@pytest.mark.parametrize("fault", [DownloadError("no answer"), ZeroDivisionError("a fault of our own")])
def test_a_fetch_that_fails_leaves_the_keys(fault: Exception) -> None:
    """While the issuer is down its keys stay; tokens with other keys are to be tried later."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            issuer.fault = fault
            await asyncio.sleep(7200)
            assert jwks.find("one") is not None
            assert await later(jwks, "two")
            issuer.fault, issuer.names = None, ("two",)
            await asyncio.sleep(30)
            assert jwks.find("one") is None
            assert jwks.find("two") is not None

    run_virtual(main())


def test_an_issuer_that_is_down_at_the_start_is_waited_for() -> None:
    """Without any key yet all tokens are to be tried later, with few requests, until the issuer is back."""

    async def main() -> None:
        issuer = Issuer("one")
        issuer.fault = DownloadError("no answer")
        async with keys_of(issuer) as jwks:
            for _ in range(600):
                assert jwks.find("one") is None
                assert jwks.find(None) is None
                assert 0 < (await later(jwks, "one")).after_s <= 5
                await asyncio.sleep(0.1)
            assert min(issuer.gaps()) >= 5
            issuer.fault = None
            await asyncio.sleep(5)
            assert await jwks.fetch("one") is jwks.find("one")

    run_virtual(main())


def test_a_failure_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """An issuer that is down for a day is one warning, and its return is logged too."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer):
            issuer.fault = DownloadError("the reason")
            await asyncio.sleep(86_400)
            issuer.fault = None
            await asyncio.sleep(60)

    caplog.set_level(logging.INFO)
    run_virtual(main())
    told = [record.getMessage() for record in caplog.records if record.name == "gateway.auth.jwks"]
    assert 3 == len(told)
    assert "JWT_JWKS_URL" in told[1]
    assert "the reason" in told[1]
    assert "1 keys that can be used" in told[2]


def test_a_withdrawn_set_closes_the_door(caplog: pytest.LogCaptureFixture) -> None:
    """An issuer that withdraws all its keys is believed, and that is logged."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            issuer.names = ()
            await asyncio.sleep(600)
            assert jwks.find("one") is None
            await asyncio.sleep(60)
            assert "does not publish" in await refused(jwks, "one")

    run_virtual(main())
    assert "publishes 0 keys" in caplog.text


def test_no_name_means_the_only_key() -> None:
    """A token without a key name is valid if there is one key; with several it is refused at once."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            assert jwks.find(None) is jwks.find("one")
            issuer.names = ("one", "two")
            await asyncio.sleep(600)
            with pytest.raises(RefusedError, match="kid"):
                jwks.find(None)

    run_virtual(main())


def test_the_family_bounds_the_algorithms() -> None:
    """With a family set only its algorithms cause a fetch; without, every public one does, and no shared secret."""

    async def main() -> None:
        async with keys_of(Issuer("one"), family="RS") as jwks:
            assert ("RS256", "RS384", "RS512") == jwks.algorithms
        async with keys_of(Issuer("one")) as jwks:
            assert {"RS256", "ES256", "EdDSA"} < set(jwks.algorithms)
            assert not any(name.startswith("HS") or name == "none" for name in jwks.algorithms)

    run_virtual(main())


def test_closing_ends_everything() -> None:
    """After a close, also during a fetch, there are no more requests and no waiting callers."""

    async def main() -> None:
        issuer = Issuer("one")
        async with keys_of(issuer) as jwks:
            pass
        await asyncio.sleep(6000)
        assert 1 == len(issuer.asked_at)
        issuer.takes_s = 5
        async with keys_of(issuer) as jwks:
            await asyncio.sleep(60)
            waiting = asyncio.create_task(later(jwks, "two"))
            await asyncio.sleep(1)
        await waiting
        await asyncio.sleep(6000)
        assert 3 == len(issuer.asked_at)
        assert {asyncio.current_task()} == asyncio.all_tasks()

    run_virtual(main())


async def test_an_issuer_rotates_its_keys_over_http() -> None:
    """Over a real socket the new key is fetched when needed, and the old one is gone then."""
    published = key_set(jwk(RSA, kid="one"))

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=published, content_type="application/json")

    app = web.Application()
    app.router.add_get("/jwks.json", serve)
    async with TestServer(app) as server, asyncio.timeout(10):
        get = functools.partial(download, server.make_url("/jwks.json"))
        jwks = Jwks(get, None, random.Random(1), Policy(cooldown_s=0))
        jwks.start()
        try:
            one = await jwks.fetch("one")
            assert "RS" == one.family
            published = key_set(jwk(EC, kid="two"))
            assert "ES" == (await jwks.fetch("two")).family
            assert jwks.find("one") is None
        finally:
            await jwks.aclose()


def test_a_refresh_asks_again_and_keeps_the_keys_until_it_is_answered() -> None:
    """A refresh by the operator also works within the cool-down; keys stay until the issuer answers."""

    async def main() -> None:
        issuer = Issuer("a")
        async with keys_of(issuer) as jwks:
            issuer.names, issuer.takes_s = ("b",), 1.0
            jwks.refresh()
            await asyncio.sleep(0.5)
            assert jwks.find("a") is not None
            await asyncio.sleep(1)
            assert (jwks.find("a"), jwks.find("b") is not None) == (None, True)
            issuer.fault = DownloadError("away")
            jwks.refresh()
            await asyncio.sleep(1.5)
            assert jwks.find("b") is not None
            # One timer, not one for each refresh.
            issuer.fault, asked = None, len(issuer.asked_at)
            await asyncio.sleep(40)
            assert asked + 1 == len(issuer.asked_at)

    run_virtual(main())
