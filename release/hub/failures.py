"""What goes wrong with the Hub, in one sentence each; a token or signed address that a message quotes is taken out of it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from release.errors import HubError

_LONGEST = 200
_SIGNED = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")  # the query of an address: where uploads go, it is a key to them


@dataclass(frozen=True, slots=True)
class _Words:
    """What an answer of the Hub means, what to do, and its code."""

    what: str
    step: str
    code: str = "hub"


_NOT_LET = "the Hub does not let this token do that"
_LOG_IN = "log in with `hf auth login`, with a token that may {} this repository, or set HF_TOKEN"
_TO_READ = _Words(_NOT_LET, _LOG_IN.format("read"), "hub-token")
_TO_WRITE = _Words(_NOT_LET, _LOG_IN.format("write to"), "hub-token")
_LATER = _Words("the Hub could not be reached, or failed", "check the connection and try again")
_DISK = _Words("the disk is full", "free some space and run again")
_OF_READING = {
    401: _TO_READ,
    403: _TO_READ,
    429: _Words("the Hub has had too many requests", "wait some minutes and run again"),
}
_OF_WRITING = {
    400: _Words("the Hub refuses what was sent", "see the reason; for a name, choose another one"),
    401: _TO_WRITE,
    403: _TO_WRITE,
    409: _Words("the Hub has something of this name already", "run again; if that does not help, look at the repository on the Hub"),
    412: _Words("the repository moved while this ran: nothing was written", "find out who writes there, then run again", "hub-moved"),
    429: _Words("the Hub has had too many requests", "wait some minutes and run again; what was uploaded is not uploaded again"),
}


def check_token() -> None:
    """Refuse to begin what needs a token without one.

    Raises:
        HubError: there is none (`hub-token`).
    """
    from huggingface_hub import get_token

    if get_token() is None:
        raise HubError(
            "there is no token for the Hub", next_step="log in with `hf auth login`, or set HF_TOKEN", expected="a token", code="hub-token"
        )


@contextmanager
def explained(where: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what `huggingface_hub` raises into one sentence.

    Args:
        where: what was asked for.
        writing: it was to be changed; who only reads is not told of what was, or was not, written.

    Raises:
        HubError: something was raised.
    """
    from huggingface_hub import errors

    network = errors.HTTPError  # type: ignore[attr-defined]  # the HTTP client's own root, which changed its name between versions
    try:
        yield
    except errors.GatedRepoError as error:
        step = "ask for access on the Hub, and log in with `hf auth login`"
        raise HubError("the repository is gated", where=where, next_step=step) from error
    except errors.RepositoryNotFoundError as error:
        step = "check the name; for a private repository log in with `hf auth login`"
        raise HubError("there is no such dataset on the Hub, or it is private", where=where, next_step=step) from error
    except errors.RevisionNotFoundError as error:
        step = "name a branch, a tag or a commit that it has; of a release a version that was published, or none for the newest"
        raise HubError("the dataset has no such revision", where=where, next_step=step) from error
    except errors.HFValidationError as error:
        raise HubError("this cannot be the name of a dataset", where=where, expected="owner/name") from error
    except errors.LocalEntryNotFoundError as error:  # what it calls every failure of the network while it asks for a file
        raise _told(error.__cause__ or error, where, _OF_READING) from error
    except (errors.EntryNotFoundError, errors.RevisionResolutionError) as error:
        raise HubError("the Hub has not what it listed", where=where, found=_first_line(error), next_step="try again") from error
    except (network, OSError) as error:
        raise _told(error, where, _OF_WRITING if writing else _OF_READING) from error


def refused(error: Exception, where: str) -> HubError:
    """Return what is to be said of a commit that the client gave up, whose reason is that of the upload that failed."""
    reason = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if _status(reason) is None and isinstance(reason, ValueError):
        return HubError("the Hub refuses what was sent", where=where, found=_first_line(reason), next_step="see the reason, then run again")
    return _told(reason, where, _OF_WRITING)


def _told(error: BaseException, where: str, by_status: Mapping[int, _Words]) -> HubError:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    words = _DISK if full else by_status.get(_status(error) or 0, _LATER)
    return HubError(words.what, where=where, found=_first_line(error), next_step=words.step, code=words.code)


def _status(error: BaseException) -> int | None:
    found = getattr(getattr(error, "response", None), "status_code", None)
    return found if isinstance(found, int) else None


def _first_line(error: BaseException) -> str:
    from huggingface_hub import get_token

    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]  # after a heading, what it is the heading of
    text, token = _SIGNED.sub("?...", told), get_token()
    return (text if token is None else text.replace(token, "(the token)"))[:_LONGEST]
