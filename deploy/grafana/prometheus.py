"""Ask a Prometheus, as Grafana does: https://prometheus.io/docs/prometheus/latest/querying/api/."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

_TIMEOUT_S = 10.0


class PrometheusError(Exception):
    """Prometheus did not answer, or refused a query."""


@dataclass(frozen=True)
class Series:
    """One series of an answer."""

    labels: dict[str, str]
    points: list[tuple[float, float]]
    """Seconds since the Unix epoch, and the value then: one point, if it was asked for now."""

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


class Prometheus:
    """A Prometheus at a URL, such as ``http://127.0.0.1:9090``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise PrometheusError(f"{url} is no URL of a Prometheus; it begins with http://")
        self._host, self._port = parts.hostname, parts.port or 80
        self._path = parts.path.rstrip("/")

    def now(self, query: str, at_s: float | None = None) -> list[Series]:
        """The answer of now, or of a moment.

        Raises:
            PrometheusError: no answer, or none to this query.
        """
        found = self._ask("query", query=query, **({} if at_s is None else {"time": at_s}))
        return [Series(each["metric"], [_point(each["value"])]) for each in found["result"]]

    def between(self, query: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """The answers of a time.

        Raises:
            PrometheusError: no answer, or none to this query.
        """
        found = self._ask("query_range", query=query, start=start_s, end=end_s, step=step_s)
        return [Series(each["metric"], [_point(pair) for pair in each["values"]]) for each in found["result"]]

    def _ask(self, what: str, **parameters: object) -> Any:
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", f"{self._path}/api/v1/{what}?{urlencode(parameters)}")
            answer = json.loads(connection.getresponse().read())
        except (OSError, ValueError) as error:
            raise PrometheusError(f"no Prometheus answers at {self._host}:{self._port}: {error}") from None
        finally:
            connection.close()
        if answer["status"] != "success":
            raise PrometheusError(f"{parameters['query']}: {answer.get('error', '')}")
        return answer["data"]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
