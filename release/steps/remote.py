"""`remote`: rows that the lists of another institution match, which never leave it.

`release fingerprints export` writes a request: the fingerprints of every row of the source under ids that only this institution can make, sealed to the
holder of the lists. The holder runs `release screen-for-others` and gives back a sealed answer with the ids of the rows that matched, and a signed statement with its lists by name and
vintage. A build with `request` and `answer` in its plan removes those rows. It is refused where either is another one, not signed by the
key that is pinned, about another source, too late, or on fewer rows than were asked.
It finds what the holder's lists find: equal digests of the stored bytes, and pictures within `distance` bits under the conventions named, in any frame and
any of the eight forms, at any quality. It cannot find what `exact-hash` and `near-hash` cannot, and cannot tell whether the holder really compared: that is the holder's
word, signed. A row that lacks a fingerprint, or whose fingerprints are not those that were asked about, is unscreenable. What the holder learns stands in
[remote.md](remote.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs import merkle
from audit_logs.fields import day, instant
from audit_logs.statement import SelfTest
from release import table
from release.errors import ExchangeError, Fault, ListError
from release.exchange import FARTHEST, PDQ, Answer, Asked, Exchange, ScreeningAnswer, Secret, asked_types, open_exchange, record_of, row_ids
from release.exchange.folder import ANSWER, wrong_answer, wrong_request
from release.exchange.types import DIGESTS
from release.fingerprint import CONVENTIONS, DECODER
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.rows import dataset_root, tree_root
from release.sections import Pattern, Range, Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Held, Rows, Sheet, Taken, Terms, UnitResult, Verdicts, need_column, of_type
from release.steps.near_hash import DISTANCE
from release.steps.neighbours import hashed_rows

KIND = "remote"
RULE = "remote"  # what the ledger names in the place of a list
NOT_ASKED, NO_IMAGE = "not-asked", "no-image"
FINGERPRINTS = tuple(sorted([*DIGESTS, PDQ]))
_FINGERPRINT = Pattern("|".join(FINGERPRINTS), "one of " + ", ".join(FINGERPRINTS))
_CONVENTION = Pattern("|".join(CONVENTIONS), "one of " + ", ".join(CONVENTIONS))
_DIGEST = Pattern("[0-9a-f]{64}", "a SHA-256 in lower-case hex")
_KEYID = Pattern("SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]", "a key id SHA256:...")
Digests = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Who is asked about what.

    Attributes:
        holder: key id of the list holder.
        fingerprints: of `FINGERPRINTS`.
        conventions, distance: of PDQ; none and None without it.
        request, answer: digests (hex) of the two signed statements; None where there is none yet.
        folder: where the exchange's files lie; of this machine, and in no canonical form.
    """

    holder: str
    fingerprints: tuple[str, ...]
    conventions: tuple[str, ...]
    distance: int | None
    request: str | None
    answer: str | None
    folder: str

    @property
    def types(self) -> tuple[str, ...]:
        """The types of fingerprints that a request has."""
        return asked_types(self.fingerprints, self.conventions)

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        near = {} if self.distance is None else {"conventions": list(self.conventions), "distance": self.distance}
        given = {name: value for name, value in (("request", self.request), ("answer", self.answer)) if value}
        return {"holder": self.holder, "fingerprints": list(self.fingerprints), **near, **given}


@dataclass(frozen=True, slots=True)
class Remote:
    """A step of this kind; `folder` is where the exchange's files lie."""

    name: str
    parameters: Parameters
    folder: Path
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()

    @property
    def covers(self) -> Covers:
        """Pixels where hashes are compared, else the stored bytes."""
        return "stored" if self.parameters.distance is None else "pixels"

    @property
    def needs_pixels(self) -> bool:
        """Whether perceptual hashes are compared."""
        return self.parameters.distance is not None

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions in use."""
        return self.parameters.conventions

    @property
    def decoder(self) -> str:
        """The decode path."""
        return DECODER if self.needs_pixels else ""

    def check(self, schema: pa.Schema) -> None:  # noqa: ARG002  (the protocol's)
        """Check that request and answer are there, and are those of the plan.

        Raises:
            ExchangeError: they are not.
            StoreError: a file cannot be read.
        """
        self._exchange()

    def ready(self, terms: Terms) -> None:
        """Check what a build has to know of request and answer before it reads a row.

        Raises:
            ExchangeError: this institution did not sign the request, it has expired, is about other rows, or the answer has unknown ids.
            ListError: a list of the holder is too old, or from the future.
            StoreError: a file cannot be read.
        """
        exchange = self._exchange()
        exchange.request.verify(terms.institution, "the institution of the plan")
        check_fresh(exchange, terms.now)
        check_lists(exchange.answer.said, terms.now, terms.max_list_age_days)
        said = exchange.request.said
        if (said.name, said.source.rows) != (terms.name, terms.rows):
            raise wrong_request(f"a request about {terms.rows} rows of {terms.name}", f"one about {said.source.rows} rows of {said.name}")
        self._matched(exchange.asked(), exchange.returned())

    def _exchange(self) -> Exchange:
        mine = self.parameters
        found = open_exchange(self.folder, mine.holder)
        for name, named, signed in (("request", mine.request, found.request), ("answer", mine.answer, found.answer)):
            if named != signed.envelope.digest:
                raise ExchangeError(
                    f"the plan does not name the {name} that lies in its folder",
                    where=f"step {self.name}: {self.folder}",
                    expected=named or f"{name} in the plan",
                    found=signed.envelope.digest,
                    next_step=f'if it is the right one, write {name} = "{signed.envelope.digest}" into the step',
                    code=f"exchange-{name}",
                )
        said = found.request.said
        if (said.types, said.distance) != (mine.types, mine.distance):
            raise wrong_request(f"one for {', '.join(mine.types)}", f"one for {', '.join(said.types)}, or another distance")
        return found

    def _matched(self, asked: Asked, answer: Answer) -> npt.NDArray[np.int64]:
        """Return the places of the rows that the answer names."""
        places = asked.places(answer.ids)
        if (places < 0).any():
            raise wrong_answer("ids of the request", f"{int((places < 0).sum())} others")
        return places

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Let every row pass that has what is asked about; the answer is merged in the second pass."""
        sheet, coverage = Sheet.blank(rows.n), {}
        prints = rows.fingerprints
        for row in np.flatnonzero(~prints.has_bytes).tolist():
            sheet.cannot_screen(row, prints.reason[row] or NO_IMAGE)
        for kind in (kind for kind in self.parameters.fingerprints if kind in DIGESTS):
            coverage[kind] = int((alive & prints.has_bytes).sum())
        if self.needs_pixels:
            hashed = hashed_rows(rows, sheet)
            coverage |= {f"{PDQ}-{convention}": int((hashed & alive).sum()) for convention in self.conventions}
        return sheet.verdicts(coverage)

    def self_test(self, canary: Rows) -> SelfTest:  # noqa: ARG002  (the holder's canaries are in the holder's indexes)
        """Return that nothing was planted here: the holder's own canaries stand in its statement."""
        return SelfTest(planted=0, caught=0, beyond=0)

    def gather(self, results: Sequence[UnitResult], held: Held) -> Taken:  # noqa: ARG002  (the protocol's)
        """Return the rows that the holder matched, and those that it was not asked about as they are now.

        Raises:
            ExchangeError: the source is not the one that was asked about.
        """
        exchange = self._exchange()
        asked, salt = exchange.asked(), bytes.fromhex(Secret.read(self.folder).salt)
        matched = np.zeros(len(asked.ids), np.bool_)
        matched[self._matched(asked, exchange.returned())] = True
        self._check_source(exchange, results)
        taken: dict[int, dict[int, str]] = {}
        strange: dict[int, dict[int, str]] = {}
        for result, ids in _with_ids(results, salt):
            kept = np.flatnonzero(result.status == 0)
            places = asked.places(ids[kept])
            if (places < 0).any():
                raise wrong_request("a record for every row of the source", "none for some")
            hits = matched[places]
            taken[result.unit] = dict.fromkeys(kept[hits].tolist(), RULE)
            other = ~hits & self._differ(result, ids[kept], asked.leaves[places])
            strange[result.unit] = dict.fromkeys(kept[other].tolist(), NOT_ASKED)
        told = (
            f"step {self.name}: the holder compared {len(matched)} rows; {sum(map(len, taken.values()))} of those still there were matched"
        )
        return Taken(taken, (told,), unscreenable=strange)

    def _check_source(self, exchange: Exchange, results: Sequence[UnitResult]) -> None:
        root = dataset_root([(tree_root(_digests(result)), result.rows) for result in results]).hex()
        if root != exchange.request.said.source.root:
            raise wrong_request("a request about this source", "one about a source with another root")

    def _differ(self, result: UnitResult, ids: Digests, leaves: Digests) -> Flags:
        """Return which kept rows (k,) have other fingerprints now than were asked about."""
        types = self.parameters.types
        prints = table.read_whole(result.tables["kept"]).select(types).to_pylist()
        differ = np.zeros(len(ids), np.bool_)
        for row, (row_id, leaf, cells) in enumerate(zip(ids, leaves, prints, strict=True)):
            encoded = record_of(row_id.tobytes(), types, cells).encode(types)
            differ[row] = merkle.leaf_hash(encoded) != leaf.tobytes()
        return differ

    def evidence(self, number: int, positions: Iterator[pa.RecordBatch]) -> Mapping[str, Mapping[str, Iterator[pa.RecordBatch]]]:
        """Return what auditors need of the exchange, by tier and table (docs/SPEC.md section 15)."""
        exchange = self._exchange()
        answer = exchange.returned().encode()
        bundles = (exchange.holder.pem, exchange.request.envelope.raw, exchange.answer.envelope.raw)
        one = pa.RecordBatch.from_pylist([dict(zip(EXCHANGES.names, (number, *bundles), strict=True))], schema=EXCHANGES)
        returned = pa.RecordBatch.from_pylist([{"step": number, "answer": answer}], schema=ANSWERS)
        salt = bytes.fromhex(Secret.read(self.folder).salt)
        rows = map(partial(_asked_batch, number, exchange.asked()), _numbered(positions, salt))
        return {"rows": {"exchanges": iter([one]), "asked": rows}, "matches": {"answers": iter([returned])}}


EXCHANGES = pa.schema([("step", pa.int32()), ("holder", pa.string()), ("request", pa.binary()), ("answer", pa.binary())])
ASKED = pa.schema([("step", pa.int32()), ("place", pa.int64()), ("value", pa.binary())])
ANSWERS = pa.schema([("step", pa.int32()), ("answer", pa.binary())])


def _numbered(positions: Iterator[pa.RecordBatch], salt: bytes) -> Iterator[tuple[Digests, Flags]]:
    """Yield ids (n, 32) and whether they are kept (n,) of consecutive rows."""
    first = 0
    for batch in positions:
        digests = np.frombuffer(b"".join(batch.column("digest").to_pylist()), np.uint8).reshape(-1, 32)
        yield row_ids(salt, first, digests), batch.column("kept").to_numpy(zero_copy_only=False)
        first += batch.num_rows


def _asked_batch(number: int, asked: Asked, rows: tuple[Digests, Flags]) -> pa.RecordBatch:
    """Return the lines of table `asked` for consecutive rows: the id of a kept row, and of any other nothing but its leaf hash."""
    ids, kept = rows
    places = asked.places(ids)
    values = np.where(kept[:, None], ids, asked.leaves[places])
    cells = [value.tobytes() for value in values]
    return pa.record_batch(
        [pa.array([number] * len(cells), pa.int32()), pa.array(places, pa.int64()), pa.array(cells, pa.binary())], schema=ASKED
    )


def _digests(result: UnitResult) -> Digests:
    cells = table.read_whole(result.tables["positions"])["digest"].to_pylist()
    return np.frombuffer(b"".join(cells), np.uint8).reshape(-1, 32)


def _with_ids(results: Sequence[UnitResult], salt: bytes) -> Iterator[tuple[UnitResult, Digests]]:
    first = 0
    for result in results:
        yield result, row_ids(salt, first, _digests(result))
        first += result.rows


def check_fresh(exchange: Exchange, now: datetime) -> None:
    """Refuse a request that has expired, and an answer from the future.

    Raises:
        ExchangeError: it is too late or too early (`exchange-expired`).
    """
    until, said = exchange.request.said.expires_on, exchange.answer.said.answered_on
    if not instant(said) <= now <= instant(until):
        raise ExchangeError(
            "the request has expired, or its answer is from the future",
            where=ANSWER,
            expected=f"a time from {said} to {until}",
            found=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            next_step="check both clocks, and wait" if now < instant(said) else "make a new request and have it answered",
            code="exchange-expired",
        )


def check_lists(said: ScreeningAnswer, now: datetime, most_days: int | None) -> None:
    """Refuse lists of the holder's that are too old, or from the future.

    Raises:
        ListError: one is (`list-age`).
    """
    for used in said.lists:
        age = (now.date() - day(used.vintage)).days
        if age < 0 or (most_days is not None and age > most_days):
            raise ListError(
                "a list of the holder's is too old, or from the future",
                where=f"list {used.name}",
                expected=f"a vintage of the last {most_days} days" if most_days is not None else "a vintage up to today",
                found=used.vintage,
                next_step="ask the holder to answer a new request with a newer one",
                code="list-age",
            )


class RemoteKind:
    """The kind `remote`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`pixels` with `pdq`, else `stored`",
        keys=(
            Key("holder", "key id", "required", "the key of the list holder, whose card lies in `folder`"),
            Key(
                "folder",
                "text",
                "the step's name",
                "a private folder beside the plan for request and answer; made by `release fingerprints export`",
            ),
            Key("fingerprints", "list of text", "all four", "`md5`, `pdq`, `sha1`, `sha256`: what the holder is given"),
            Key("conventions", "list of text", "all three", "the resize conventions, with `pdq`"),
            Key("distance", "0 to 64", "31", "the largest distance in bits of 256 that the holder is to match, with `pdq`"),
            Key(
                "request, answer",
                "SHA-256",
                "none until they are there",
                "the digests of `request.sigstore.json` and `answer.sigstore.json`",
            ),
        ),
        reasons={
            NOT_ASKED: "its fingerprints are not those that the holder was asked about, as when a decoder ran into a limit in one run only",
            "no-image, no-pixels, too-large, undecodable, truncated, frames, pixels, memory, timeout, crashed": "as for `near-hash`",
        },
        audit="Every auditor rebuilds the kept rows' part of the request from the evidence, and holds it against the root that both institutions signed (claim `remote-request`); one with tier "
        "`matches` sees besides that no row of the answer is published (claim `remote-answer`). What the holder's lists hold is `not-checkable` (claim `filters`, and a limitation).",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        asked = section.texts("fingerprints", FINGERPRINTS, _FINGERPRINT)
        near = PDQ in asked
        if not near and (section.has("conventions") or section.has("distance")):
            section.fault("distance", "no distance and no conventions without pdq", "one of them")
        chosen = section.texts("conventions", CONVENTIONS, _CONVENTION)
        distance = section.integer("distance", Range(0, FARTHEST), DISTANCE)
        parameters = Parameters(
            holder=section.text("holder", pattern=_KEYID),
            fingerprints=tuple(kind for kind in FINGERPRINTS if kind in asked),
            conventions=tuple(one for one in CONVENTIONS if one in chosen) if near else (),
            distance=distance if near else None,
            request=section.optional_text("request", _DIGEST),
            answer=section.optional_text("answer", _DIGEST),
            folder=section.text("folder", ""),
        )
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Remote:  # noqa: ARG002  (the protocol's)
        """Return a step.

        Raises:
            StepError: the plan names no image column.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        need_column(plan, columns.image, "image")
        return Remote(plan.name, parameters, plan.folder / (parameters.folder or plan.name))
