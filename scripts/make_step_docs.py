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
A step that judges without lists has no canary; it checks its columns first, and one that scores pictures is shown the self-test's picture twice
and has to say the same of it both times.

Each `[[step]]` of a plan has a `name`, a `kind`, and `lists` where the kind takes them; it may have a `cap` and `list_caps` (below), and it has the keys of its kind.
"""
TAIL = """## Caps
`cap = 1000` in a `[[step]]` is the largest number of rows that the step may remove, and `list_caps = { known-pdq = 10 }` the largest number
that it may remove because of one list; a row counts for the first list of the plan that it matches. Above a cap the build stops before anything is signed
and says which list it was: a poisoned list, or a threshold that is wrong, should not empty a dataset. Whoever looked into it and wants to go on runs the same
command again with `--override STEP=REASON`; the reason is signed in the step's attestation and stands in the card, the report and every verifier's output.

## Lists
`release lists import FILE... --name N` reads one file, or all pages of one list, into the store. How a file is written is told from what it
begins with, where that leaves no doubt; else `--format` says it.

| `--format` | what it is | types | vintage | classes |
|---|---|---|---|---|
| `text` | one value on each line, `#` begins a comment; MD5 and SHA-1 are told by their length, 64 hex characters need `--type` | any | declared | none |
| `csv` | a header; commas, semicolons or tabs; a column for each type, named like it or by `--column TYPE=NAME` | any | declared | `--column class=NAME` |
| `parquet` | columns of text, or of digests as bytes, named in the same way | any | declared | `--column class=NAME` |
| `ncmec` | NCMEC hash sharing v2, XML pages | `md5`, `sha1`, `sha256`, `pdq`, `photodna`, `video-md5` | file | classification |
| `stopncii` | StopNCII, JSON pages | `pdq`, `video-md5`, `url` | file | status |
| `vics` | Project VIC 1.3 and 2.0, JSON, plain or by case | `md5`, `sha1`, `sha256`, `pdq`, `photodna`, `video-md5` | declared | category |
| `icse` | Interpol ICSE, CSV | `md5`, `sha1`, `photodna`, `video-md5` | declared | `baseline`, `other` |
| `tat` | Tech Against Terrorism, JSON | `md5`, `sha1`, `sha256`, `pdq`, `photodna`, `video-md5` | file | ideology |
| `threatexchange` | ThreatExchange, CSV exports; those of its web page need `--type` | `md5`, `sha1`, `sha256`, `pdq`, `photodna`, `video-md5`, `url`, `domain` | declared | status |

**What becomes an entry.** Of all statements on one record the newest counts, in whatever order pages and updates come; what takes a record
back (a deleted image, Withdrawn and Deleted, `deleted`, `should_delete`, NON_MALICIOUS) takes back that record's entries, and no entry that another record
gives as well. Hashes of films have the type `video-md5`, which no step matches. A Project VIC file of category 0, or none, is no entry, and the known good files of
NIST ("CAID") are refused. The class of a record is kept, for counts by class; an entry with several counts under the first by alphabet. `--class`
takes the entries of that class alone.

**What is left out** is reported by line, entry or row and reason, never by value: wrong length, not hexadecimal, all zero, the hash of the empty
file, reserved for the self-test, a record without name or time. FILE is a regular file: a pipe is refused. Without a usable entry nothing is stored.

**A file that is broken** (it ends early, is no UTF-8, no XML or no JSON from some place on, or names a next page that is not there) stores nothing. `--accept-partial`
takes what stands before that place; the list is `partial` from then on, and record, attestation and card say so. A document type
declaration is refused in any case, and no entity is ever expanded.

**Updates.** `release lists update` takes a newer vintage and shows, by type and class, what came new and what is gone. With `--add`, FILE holds only
what came new and what was taken back. A vintage that the file tells counts; where it tells none, `--vintage` does, and the attestation says `declared`.

**From an exchange.** `release lists fetch` asks NCMEC or StopNCII directly: see [institution.md](institution.md#your-lists).

**Under a passphrase.** `release lists seal` seals the store: see [institution.md](institution.md#your-lists).

A step refuses a list that is empty, older than `lists.max_age`, or without an entry type that it can use.

## When a list grows
`release rescreen DIR --identity FILE --lists STORE --list NAME` matches a list with the fingerprints that were sealed with an earlier candidate:
digests, PDQ hashes under the conventions of that release, links and domains, never an image. `--new-only` leaves out the entries that the release was
screened with, which tier *matches* tells. It prints counts and no row: which rows go is decided by the next build. PhotoDNA values are not sealed
as fingerprints, and the answer says so.

A list of `term` or `regex` holds texts themselves, one on each line: a term is brought to the one form of a caption, an expression of RE2 has to compile and must not match the
empty text, and both have at most 256 bytes. A list of `url-md5`, `url-sha1` or `url-sha256` holds digests of links, of whatever spelling they were made.

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
is a whole one that asks a service, [examples/picture-classifier](examples/picture-classifier/README.md) one that looks at pictures.
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
