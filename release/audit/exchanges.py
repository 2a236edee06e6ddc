"""What a list holder was asked, and answered, held against the evidence (docs/SPEC.md section 20.6).

The kept rows' part of a request is made anew from their published fingerprints; of all other rows the evidence has nothing but leaf hashes, and
the root over both has to be the one that institution and holder signed. So a holder was asked about every row that is published, and about what
it really is. What the holder's lists hold, and whether it compared them, nobody else can check.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from audit_logs import merkle
from audit_logs.envelope import PublicKey
from audit_logs.errors import FormatError
from audit_logs.fields import instant
from audit_logs.statement import Claim, FilterStep
from audit_logs.trust import Trust
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.evidence_tables import batches, fixed, malformed, source_shards
from release.errors import ExchangeError, Fault, ListError
from release.evidence import OpenedTier
from release.exchange import ScreeningAnswer, ScreeningRequest, Signed, check_pair, checked_answer, read_signed, record_of
from release.steps import kinds
from release.steps.remote import ANSWERS, ASKED, EXCHANGES, KIND, Parameters, check_lists

WIDTH = 32
ASKED_ABOUT = "every published row was asked about as it is, in each request"
LIMITATION = (
    "step {order} rests on the word of the list holder {holder}: its lists, and whether it compared them, cannot be checked by anybody else; "
    "it names {lists}"
)


@dataclass(slots=True)
class Exchanges:
    """The claims on all steps of kind `remote`, and what they leave open."""

    claims: list[Claim] = field(default_factory=list)
    limitations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Case:
    """One step, what is signed about it, and the evidence."""

    step: FilterStep
    parameters: Parameters
    holder: PublicKey
    request: Signed[ScreeningRequest]
    answer: Signed[ScreeningAnswer]


def check_exchanges(case: Examined, trust: Trust, rows: OpenedTier, matches: OpenedTier | None) -> Exchanges:
    """Return the claims on what list holders were asked and answered; none where no step asked any.

    Raises:
        EvidenceError: a table is not in its form.
    """
    steps = [step for step in case.steps if step.step.kind == KIND]
    if not steps:
        return Exchanges()
    done = Exchanges()
    bundles = {row["step"]: row for batch in batches(rows, "exchanges", EXCHANGES) for row in batch.to_pylist()}
    returned = _returned(matches, steps)
    asked: list[str] = []
    answered: list[str] = []
    for step in steps:
        order = step.step.order
        try:
            found = _signed(step, bundles.get(order) or {}, case, trust)
            published = _rebuild(found, rows)
        except (ExchangeError, FormatError, ListError) as problem:
            asked.append(f"step {order}: {problem.what}: expected {problem.expected}, found {problem.found}")
        else:
            done.limitations.append(_limitation(found))
            answered += _answered(found, published, returned.get(order))
    done.claims += [claims.decide(claims.REMOTE_REQUEST, asked, ASKED_ABOUT), _answers(matches is not None and not asked, answered, asked)]
    return done


def _returned(matches: OpenedTier | None, steps: list[FilterStep]) -> dict[int, bytes]:
    """Return the opened answers by step, empty ones where there is none; nothing for an auditor without the tier."""
    if matches is None:
        return {}
    none = {step.step.order: b"" for step in steps}
    return none | {row["step"]: row["answer"] for batch in batches(matches, "answers", ANSWERS) for row in batch.to_pylist()}


def _limitation(found: _Case) -> str:
    names = ", ".join(f"{used.name} of {used.vintage}{' (in part)' if used.partial else ''}" for used in found.answer.said.lists)
    return claims.told(LIMITATION.format(order=found.step.step.order, holder=found.holder.keyid, lists=names))


def _answers(checked: bool, faults: list[str], asked: list[str]) -> Claim:
    if faults or checked:
        return claims.decide(claims.REMOTE_ANSWER, faults, "no row that a holder matched is published")
    return claims.not_checkable(claims.REMOTE_ANSWER, "the request does not hold" if asked else claims.NEED_MATCHES)


def _signed(step: FilterStep, row: dict[str, object], case: Examined, trust: Trust) -> _Case:
    """Return a step's exchange, after checking everything that its two statements say.

    Raises:
        ExchangeError: something does not hold.
        FormatError: the holder's key is none.
        ListError: a list was from the future.
    """
    faults: list[Fault] = []
    parsed = kinds()[KIND].parse(step.parameters, "", faults)
    match row, parsed:
        case {"holder": str(pem), "request": bytes(asking), "answer": bytes(answering)}, Parameters() as parameters if not faults:
            holder = PublicKey.from_pem(pem, where="holder")
        case _:
            raise ExchangeError("the evidence of the exchange is not there", expected="holder, request and answer", found="less")
    request, answer = read_signed(asking, ScreeningRequest, "request"), read_signed(answering, ScreeningAnswer, "answer")
    found = _Case(step, parameters, holder, request, answer)
    _check_attested(found, case)
    _check_signers(found, trust)
    check_pair(request, answer, holder)
    _check_times(found)
    return found


def _check_attested(found: _Case, case: Examined) -> None:
    """Check that the exchange is the one that the attestation names, about the source and line of the manifest."""
    said, parameters, pin = found.request.said, found.parameters, case.manifest.source
    for what, expected, is_so in (
        ("the holder's key", parameters.holder, found.holder.keyid),
        ("the request", parameters.request, found.request.envelope.digest),
        ("the answer", parameters.answer, found.answer.envelope.digest),
        ("what was asked about", f"{parameters.types}, {parameters.distance}", f"{said.types}, {said.distance}"),
        ("the source", f"{pin.rows} rows, root {pin.root}", f"{said.source.rows} rows, root {said.source.root}"),
        ("the release", case.manifest.name, said.name),
    ):
        if expected != is_so:
            raise ExchangeError(f"{what} is not as attested", expected=str(expected), found=is_so)


def _check_signers(found: _Case, trust: Trust) -> None:
    """Check that the institution signed the request, and that the holder is somebody else."""
    asker, holder = found.request.envelope.keyid, found.holder.keyid
    if asker not in trust.build:
        raise ExchangeError("the request is not the institution's", expected="a build key of the trust file", found=asker)
    found.request.verify(PublicKey.from_pem(trust.keys[asker].pem), "the institution")
    if holder in trust.keys and trust.auditor(holder) is None:
        raise ExchangeError("the holder's key is one of the institution's own", expected="another organisation's", found=holder)


def _check_times(found: _Case) -> None:
    started = instant(found.step.started_on)
    if not instant(found.answer.said.answered_on) <= started <= instant(found.request.said.expires_on):
        raise ExchangeError(
            "the build did not begin while the request held", expected=found.request.said.expires_on, found=found.step.started_on
        )
    check_lists(found.answer.said, started, None)


def _rebuild(found: _Case, rows: OpenedTier) -> set[bytes]:
    """Return the ids of kept rows, after making the root of the request from them, their fingerprints, and the leaf hashes of all others.

    Raises:
        ExchangeError: it is another root, or places and ids are not such as a request has.
        EvidenceError: a table is not in its form.
    """
    total, types = found.request.said.source.rows, found.request.said.types
    leaves: list[bytes] = [b""] * total
    kept: list[tuple[int, bytes]] = []
    prints, flags = _prints(rows, types), _flags(rows)
    for (place, value), is_kept in zip(_asked(found.step.step.order, rows), flags, strict=False):
        _check_place(place, leaves)
        leaves[place] = merkle.leaf_hash(record_of(value, types, next(prints)).encode(types)) if is_kept else value
        kept += [(place, value)] if is_kept else []
    if not all(leaves) or not _ascend([value for _, value in sorted(kept)]):
        raise ExchangeError("the evidence has not a place for every row, or ids in another order", expected=f"{total} rows", found="others")
    if (root := merkle.root(leaves).hex()) != found.request.said.root:
        raise ExchangeError("the request was not about the rows that are published", expected=found.request.said.root, found=root)
    return {value for _, value in kept}


def _check_place(place: int, leaves: list[bytes]) -> None:
    if not 0 <= place < len(leaves) or leaves[place]:
        raise ExchangeError("the evidence has other places than a request", expected=f"0 to {len(leaves) - 1}, each once", found=str(place))


def _flags(rows: OpenedTier) -> Iterator[bool]:
    """Yield whether each source row is kept."""
    for shard in source_shards(rows):
        yield from shard.kept.tolist()


def _ascend(ids: list[bytes]) -> bool:
    return all(one < other for one, other in pairwise(ids))


def _asked(order: int, rows: OpenedTier) -> Iterator[tuple[int, bytes]]:
    for batch in batches(rows, "asked", ASKED):
        values = fixed(batch.column("value"), WIDTH)
        if values is None or batch.column("step").null_count or batch.column("place").null_count:
            raise malformed(rows.tier, "asked", "32 bytes for every row, and no null", "others")
        places = batch.column("place").to_pylist()
        for step, place, value in zip(batch.column("step").to_pylist(), places, values, strict=True):
            if step == order:
                yield place, value.tobytes()


def _prints(rows: OpenedTier, types: tuple[str, ...]) -> Iterator[dict[str, bytes | None]]:
    """Yield the fingerprints of kept rows by type, in release order, which is that of the source."""
    schema = pa.schema([(kind, pa.binary()) for kind in types])
    for batch in batches(rows, "kept", schema):
        yield from batch.to_pylist()
    raise malformed(rows.tier, "kept", "fingerprints of every kept row", "fewer")


def _answered(found: _Case, published: set[bytes], data: bytes | None) -> list[str]:
    """Return what is wrong with the opened answer; nothing where it is not there, as in tier `rows`."""
    if data is None:
        return []
    order = found.step.step.order
    try:
        answer = checked_answer(io.BytesIO(data), found.request, found.answer)
    except ExchangeError as problem:
        return [f"step {order}: {problem.what}"]
    hits = {one.tobytes() for one in np.asarray(answer.ids)}
    faults = [f"step {order}: rows that the holder matched are published"] if hits & published else []
    return faults + ([f"step {order}: more rows were removed than the holder matched"] if found.step.removed > len(hits) else [])
