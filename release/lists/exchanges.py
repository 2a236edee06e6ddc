"""The exchanges that lists are fetched from, through the clients of the `threatexchange` package.

Its clients know addresses, credentials, paging parameters, time-outs and retries. They are stopped as soon as the answer is there: what they
make of it leaves out digests and times, skips records that they do not understand, and puts records into log lines and error texts.
The answer is kept as it came, and read by the readers of list files. A redirection is refused: it would carry credentials along.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from release.errors import ListError
from release.lists import ncmec
from release.lists.credentials import missing_extra

LARGEST = 64 << 20
"""Bytes of a page."""

EARLIEST = 10
"""The first moment that StopNCII takes, in seconds."""

NCMEC_NEXT = "/v2/entries?"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_REFUSED = (401, 403)
_OK = 200
_PART = 1 << 16


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: all that changed between two moments (seconds since 1970), and which page of that, "" the first."""

    since: int
    until: int
    place: str


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as it came, and what it calls the next one, "" if it is the last."""

    data: bytes
    following: str


class Exchange(Protocol):
    """A client that asks for one page.

    Attributes:
        name: of the exchange.
        format: how its pages are written.
        address: where it is.
    """

    name: str
    format: str
    address: str

    def page(self, query: Query) -> Page:
        """Return a page.

        Raises:
            ListError: the exchange refuses, fails, or answers with something else.
        """


class _AnsweredError(Exception):
    """The answer is there; carries it past the client."""

    def __init__(self, data: bytes) -> None:
        super().__init__("answered")
        self.data = data


@dataclass(slots=True)
class Ncmec:
    """NCMEC hash sharing."""

    client: Any
    address: str
    name: str = "ncmec"
    format: str = "ncmec"

    def page(self, query: Query) -> Page:
        """Return a page; see `Exchange`."""
        asked = {"start_timestamp": query.since, "end_timestamp": query.until, "next_": query.place}
        data = _answer(self.name, lambda: self.client.get_entries(**asked))
        following = ncmec.following(data, f"page of {self.name}")
        if following and not following.startswith(NCMEC_NEXT):  # it is put behind the address, and could name another host
            raise _strange(self.name, f"a next page that begins with {NCMEC_NEXT}")
        return Page(data, following)


@dataclass(slots=True)
class StopNcii:
    """StopNCII."""

    client: Any
    address: str
    name: str = "stopncii"
    format: str = "stopncii"

    def page(self, query: Query) -> Page:
        """Return a page; see `Exchange`."""
        data = _answer(self.name, lambda: self.client.fetch_hashes(start_timestamp=max(query.since, EARLIEST), next_page=query.place))
        try:
            head = json.loads(data)
        except (ValueError, RecursionError):
            raise _strange(self.name, "a page in JSON, whole") from None
        if not isinstance(head, dict) or not isinstance(head.get("hashRecords"), list):
            raise _strange(self.name, "an object with a list hashRecords")
        token = head.get("nextPageToken")
        if head.get("hasMoreRecords") and not (isinstance(token, str) and token):
            raise _strange(self.name, "a token for the next page")
        return Page(data, str(token) if head.get("hasMoreRecords") else "")


NEEDS: Mapping[str, tuple[str, ...]] = {"ncmec": ("user", "password"), "stopncii": ("subscription_key", "function_key")}
"""The credentials of each exchange by name."""


def connect(name: str, secrets: Mapping[str, str], environment: str, address: str | None = None) -> Exchange:
    """Return the client of an exchange.

    Args:
        name: one of `NEEDS`.
        secrets: its credentials by name.
        environment: of NCMEC: which of its collections, by the client's name for it.
        address: another address than the exchange's own.

    Raises:
        ListError: the extra is not installed, there is no such exchange or environment, or the address is not safe to send credentials to.
    """
    if address is not None:
        _check_address(address)
    makers: Mapping[str, Callable[[], Exchange]] = {
        "ncmec": lambda: _ncmec(secrets, environment, address),
        "stopncii": lambda: _stopncii(secrets, address),
    }
    if name not in makers:
        raise ListError("there is no such exchange", expected=" or ".join(NEEDS), code="exchange-name")
    try:
        return makers[name]()
    except ImportError:
        raise missing_extra() from None


def _ncmec(secrets: Mapping[str, str], environment: str, address: str | None) -> Exchange:
    from threatexchange.exchanges.clients.ncmec.hash_api import NCMECEnvironment, NCMECHashAPI

    if environment not in NCMECEnvironment.__members__:
        raise ListError("NCMEC has no such environment", expected=", ".join(NCMECEnvironment.__members__), code="exchange-name")

    class Client(NCMECHashAPI):
        """The client, stopped as soon as the answer is there."""

        def _get_session(self) -> Any:  # noqa: ANN401  (a session of requests)
            return _stopping(super()._get_session(), self._base_url)

    client = Client(secrets["user"], secrets["password"], NCMECEnvironment[environment])
    if address is not None:
        client._base_url = address  # noqa: SLF001  (the client has no other way to name a test system)
    return Ncmec(client, client._base_url)  # noqa: SLF001


def _stopncii(secrets: Mapping[str, str], address: str | None) -> Exchange:
    from threatexchange.exchanges.clients.stopncii.api import StopNCIIAPI, StopNCIIEndpoint

    class Client(StopNCIIAPI):
        """The client, stopped as soon as the answer is there."""

        def _get_session(self, endpoint: StopNCIIEndpoint) -> Any:  # noqa: ANN401
            return _stopping(super()._get_session(endpoint), self._base_url)

    client = Client(secrets["subscription_key"], secrets["function_key"], base_url_override=address)
    return StopNcii(client, address or StopNCIIAPI.BASE_URL)


def _stopping(session: Any, address: str) -> Any:  # noqa: ANN401
    """Return a session that follows no redirection, and hands every answer past its client."""
    session.max_redirects = 0
    session.hooks["response"].append(lambda response, **_: _take(response, address))
    return session


def _take(response: Any, address: str) -> None:  # noqa: ANN401
    try:
        data = _bounded(response, address)
    finally:
        response.close()  # the client, whose part that is, does not come to it
    if response.status_code in _REFUSED:
        raise ListError(
            "the exchange refuses the credentials",
            where=address,
            found=f"status {response.status_code}",
            next_step="check them with the exchange",
            code="exchange-refused",
        )
    if response.status_code != _OK:
        raise _failed(address, f"status {response.status_code}")
    raise _AnsweredError(data)


def _bounded(response: Any, address: str) -> bytes:  # noqa: ANN401
    parts, size = [], 0
    for part in response.iter_content(_PART):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise _failed(address, f"more than {LARGEST} bytes")
    return b"".join(parts)


def _answer(name: str, ask: Callable[[], object]) -> bytes:
    """Return what an exchange answers; the client's own errors may quote it, and are not passed on."""
    import requests

    try:
        ask()
    except _AnsweredError as answered:
        return answered.data
    except requests.exceptions.RetryError:
        raise _failed(name, "it asks to wait, or fails again and again") from None
    except requests.exceptions.RequestException as error:
        raise _failed(name, type(error).__name__) from None
    raise _failed(name, "no answer")


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        safe = False
    if not safe:
        raise ListError("credentials are sent over https alone", where="--url", expected="https://...", code="exchange-name")


def _failed(where: str, found: str) -> ListError:
    step = "run again later: what was fetched is kept, and the fetch goes on from there"
    return ListError("the exchange gives no page", where=where, expected="a page", found=found, next_step=step, code="exchange-failed")


def _strange(name: str, expected: str) -> ListError:
    step = "run again; if it stays so, the exchange has changed what it writes"
    return ListError("the exchange answers with something else", where=name, expected=expected, next_step=step, code="exchange-failed")
