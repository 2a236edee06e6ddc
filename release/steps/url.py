"""`url`: rows whose link stands in a list of links, or leads to a listed domain.

It finds: every spelling of a listed link that `release.lists.urls` brings to one form (case, IDNA, default port, dot segments,
needless percent signs, http or https, fragment, and the tracking parameters that the plan names), and every host at or
below a listed domain. A list of digests of links (MD5, SHA-1 or SHA-256) is matched by the link as the row writes it and by its one form, with
the tracking parameters and without; a digest of another spelling is not found. It cannot find: the same picture under another link, links behind a redirect or a shortener, or what a
link has come to show since the list was made. A row without a link, or with one that cannot be read, is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from audit_logs.statement import SelfTest
from release.errors import Fault
from release.lists import StoredList, urls
from release.lists.entries import URL_DIGESTS, WIDTHS, Entries, link_entry, url_digest
from release.lists.links import plain_links
from release.match import DigestIndex
from release.plan import Columns, StepPlan
from release.sections import Pattern, Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, check_verdict, missed, need_column, of_type, usable_types

KIND = "url"
TRACKING = ("fbclid", "gclid", "msclkid", "utm_*")
NO_URL = "no-url"
BAD_URL = "bad-url"
_PARAMETER = Pattern(r"[a-z0-9_.\[\]-]{1,64}\*?", "the name of a query parameter in lower case, perhaps with * at its end")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query parameters that only say where a visitor came from, sorted."""

    tracking: tuple[str, ...]

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return {"tracking": list(self.tracking)}


@dataclass(frozen=True, slots=True)
class Links:
    """What a batch's links are looked up by: (k, 32) uint8 entries of each type, and the row of each; why a row has none."""

    entries: Mapping[str, Entries]
    owners: Mapping[str, np.ndarray]
    absent: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Url:
    """A step of this kind, with its indexes open: by list name, by type."""

    name: str
    parameters: Parameters
    lists: tuple[StoredList, ...]
    column: str
    indexes: Mapping[str, Mapping[str, DigestIndex]]
    kind: str = KIND
    covers: Covers = "declared"
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The types of entries that any list of the step has."""
        return tuple(sorted({kind for indexes in self.indexes.values() for kind in indexes}))

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: every hit is removed; a row without a link that can be read is unscreenable."""
        links = self._links(rows, alive)
        sheet = Sheet.blank(rows.n)
        for used in self.lists:
            hits = np.zeros(rows.n, np.bool_)
            for kind, index in self.indexes[used.name].items():
                hits[links.owners[kind][index.contains(links.entries[kind])]] = True
            sheet.remove(hits, used.name)
        for row, reason in links.absent.items():
            sheet.cannot_screen(row, reason)
        having = int(alive.sum()) - len(links.absent)
        return sheet.verdicts(dict.fromkeys(self.types, having))

    def self_test(self, canary: Rows) -> SelfTest:
        """Return that the canary's link was found in every index, and as nothing but a canary.

        Raises:
            StepError: it was not.
        """
        planted = 0
        links = self._links(canary, np.ones(canary.n, np.bool_))
        for used in self.lists:
            name = used.name
            for kind, index in self.indexes[name].items():
                queries = links.entries[kind]
                if not np.isin(index.find(queries), index.reserved_positions).any() or not len(queries):
                    raise missed(self.name, name, f"the reserved entry of type {kind} found by the canary")
                check_verdict(replace(self, lists=(used,), indexes={name: {kind: index.unreserved()}}), canary, removed=True)
                planted += 1
        return SelfTest(planted=planted, caught=planted, beyond=0)

    def _links(self, rows: Rows, alive: Flags) -> Links:
        """Return the entries to look up for the rows that are still in."""
        column = rows.batch.column(self.column)
        plain = plain_links(column, self.parameters.tracking).among(alive)
        parsed = self._parsed(column, np.flatnonzero(alive & ~plain.flags))
        entries, owners = dict(parsed.entries), dict(parsed.owners)
        for kind in self.types if len(plain.rows) else ():
            found, rows_of = plain.entries(kind)
            entries[kind] = np.concatenate([entries[kind], found])
            owners[kind] = np.concatenate([owners[kind], rows_of])
        return Links(entries, owners, parsed.absent)

    def _parsed(self, column: pa.Array, chosen: np.ndarray) -> Links:
        """Return the same for the chosen rows, whose links are parsed one by one."""
        entries: dict[str, list[bytes]] = {kind: [] for kind in self.types}
        owners: dict[str, list[int]] = {kind: [] for kind in self.types}
        absent: dict[int, str] = {}
        for row, value in zip(chosen.tolist(), column.take(pa.array(chosen)).to_pylist(), strict=True):
            found = self._lookups(value or "")
            if "url" not in found:
                absent[row] = BAD_URL if value else NO_URL
            for kind in self.types:
                new = _entries(kind, found)
                entries[kind] += new
                owners[kind] += [row] * len(new)
        return Links(
            {kind: np.frombuffer(b"".join(parts), np.uint8).reshape(-1, WIDTHS[kind]) for kind, parts in entries.items()},
            {kind: np.array(rows, np.int64) for kind, rows in owners.items()},
            absent,
        )

    def _lookups(self, value: str) -> dict[str, list[str]]:
        """Return by type the texts under which a link may be listed; `spelling`: those whose digests may be. Without `url` it is no link."""
        written = [value.strip()] if value.strip() else []
        whole = urls.canonical(value)
        if whole is None:
            return {"spelling": written}
        plain = urls.without(whole, self.parameters.tracking)
        forms = [whole] if plain == whole else [whole, plain]
        return {"url": forms, "domain": list(urls.domains(urls.host_in(whole))), "spelling": list(dict.fromkeys([*written, *forms]))}


def _entries(kind: str, found: Mapping[str, list[str]]) -> list[bytes]:
    """Return the entries of a type as which a row may be listed."""
    if kind in URL_DIGESTS:
        return [url_digest(URL_DIGESTS[kind], text) for text in found.get("spelling", ())]
    return [link_entry(text) for text in found.get(kind, ())]


class UrlKind:
    """The kind `url`."""

    kind = KIND
    needs_lists = frozenset(["domain", "url", *URL_DIGESTS])
    about = About(
        covers="`declared`",
        keys=(
            Key(
                "tracking",
                "list of text",
                "`fbclid`, `gclid`, `msclkid`, `utm_*`",
                "query parameters that are left out when a row is looked up a second time; `*` at the end stands for any end",
            ),
        ),
        reasons={
            NO_URL: "the link is null or empty: a row without a link cannot be matched, so it is not kept",
            BAD_URL: "the link cannot be read as a web address",
        },
        audit="Every auditor looks up every text of a row that is a link in lists of its own (claim `no-listed-row`).",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        parameters = Parameters(tuple(sorted(section.texts("tracking", TRACKING, _PARAMETER))))
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Url:
        """Return a step.

        Raises:
            StepError: a list has neither links nor domains, or the plan names no column of links.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        usable = usable_types(plan, lists, self.needs_lists)
        column = need_column(plan, columns.url, "url")
        indexes = {used.name: {kind: of_type(used.index(kind), DigestIndex, plan) for kind in usable[used.name]} for used in lists}
        return Url(plan.name, parameters, lists, column, indexes)
