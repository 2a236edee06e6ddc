"""Write docs/steps.md from the steps' own docstrings, keys and reasons.

Usage: python scripts/make_step_docs.py     (tests/test_docs.py fails while the page says something else than the steps)
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from release.steps import BUILT_IN
from release.steps.about import About, Key

PAGE = Path(__file__).resolve().parents[1] / "docs" / "steps.md"
HEAD = """# The steps

This page is made by `scripts/make_step_docs.py` from the steps' own files.

A step takes rows and their fingerprints and gives each row one verdict: kept, removed, or unscreenable with a
reason. It is fail-closed: a row that lacks what the step needs is unscreenable, and an unscreenable row is not published. A hit counts as
removed even where the row is damaged. Before each shard, every step with lists must find its own canaries; one miss stops the build.
A step that judges without lists has no canary; it checks its columns first.

Each `[[step]]` of a plan has a `name`, a `kind`, and `lists` where the kind takes them; it may have a `cap` and `list_caps` (below), and it has the keys of its kind.
"""
TAIL = """## Caps
`cap = 1000` in a `[[step]]` is the largest number of rows that the step may remove, and `list_caps = { known-pdq = 10 }` the largest number
that it may remove because of one list; a row counts for the first list of the plan that it matches. Above a cap the build stops before anything is signed
and says which list it was: a poisoned list, or a threshold that is wrong, should not empty a dataset. Whoever looked into it and wants to go on runs the same
command again with `--override STEP=REASON`; the reason is signed in the step's attestation and stands in the card, the report and every verifier's output.

## Lists
`release lists import FILE --name N --vintage DATE` reads text (one value on each line) or CSV (a header; a column for each type) into the
store. MD5 and SHA-1 are told by their length; 64 hex characters may be SHA-256 or PDQ, so `--type` must say. Lines that hold no usable value
are left out, and reported by number and reason, never by value: wrong length, not hexadecimal, all zero, the hash of the empty file,
reserved for the self-test. FILE is a regular file: a pipe is refused. A file without a usable line stores nothing. `release lists update` takes a newer vintage; with `--add`, FILE holds only
what came new. A step refuses a list that is empty, older than `lists.max_age`, or without an entry type that it can use.

Links and list entries are brought to one form first: WHATWG parsing (case, IDNA, default ports, dot segments, odd IP addresses), no
fragment and no credentials, `http` as `https`, no final dot of the host, no needless percent-encoding, no empty
parameters, an IPv4 address within IPv6 as the IPv4 address, and text in Unicode normal form C. Other spellings that a server may take for the same
(a further parameter, another order, a final slash, another case of the path) are other links. A list entry without a scheme is read as
`https`; a row's link without one cannot be told from a file name and is `bad-url`. A row is looked up as it stands and once more without the query parameters in `tracking`, so an entry that has such a parameter
matches only rows that have it too. Domains match with all their subdomains. A domain of one label is refused in a list; a public
suffix such as `co.uk` is not known as one, and would match everything below it.

## Another kind
A package adds a kind by an entry point in the group `release.steps` that names a `release.steps.StepFactory`: its `kind`, the list types
that it needs, `parse` for its keys of a `[[step]]` table, and `build` for a step from parameters, lists and columns. `release/steps/base.py`
has the protocols, and the shape of a second pass over all shards (`Gathers`); such a step comes last in a plan, or before others like it.

A package adds a classifier, which is less, by an entry point in the group `release.classifiers`; [examples/remote-classifier](examples/remote-classifier/README.md)
is a whole one that asks a service.
"""


def render() -> str:
    """Return the page."""
    return "\n".join([HEAD, *(line for kind in BUILT_IN for line in _section(kind)), TAIL])


def _section(kind: object) -> Iterator[str]:
    docstring = inspect.getdoc(sys.modules[type(kind).__module__]) or ""
    about: About = kind.about  # type: ignore[attr-defined]
    head, _, body = docstring.partition("\n")
    yield f"## {kind.kind}\n\n**{head}**\n\n{body.strip()}\n"  # type: ignore[attr-defined]
    types = ", ".join(f"`{name}`" for name in sorted(kind.needs_lists)) or "none"  # type: ignore[attr-defined]
    yield f"List types: {types}. Covers {about.covers}.\n"
    if about.keys:
        yield "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *map(_row, about.keys), ""])
    reasons = (f"| {', '.join(f'`{one}`' for one in reason.split(', '))} | {meaning} |" for reason, meaning in about.reasons.items())
    yield "\n".join(["| unscreenable | meaning |", "|---|---|", *reasons, ""])
    yield f"*Audit:* {about.audit}\n"


def _row(key: Key) -> str:
    names = ", ".join(f"`{name}`" for name in key.name.split(", "))
    return f"| {names} | {key.form} | {key.default} | {key.meaning} |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
