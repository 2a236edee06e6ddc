"""Class `verdict` (sections 13 and 14): whole releases, of which one thing is bent, and what a verifier must say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vectors.reference import Json, canon, digest, keyid_hex, log_files, mth
from vectors.signing import LOG, TestKey, checkpoint_text, cosignature
from vectors.vector import OK, Pieces, Vector, plain
from vectors.world import (
    AUDITOR_KEYS,
    BASE,
    BUILD,
    CARD,
    LOG_KEY,
    NOW,
    NOW_SECONDS,
    ONE,
    ORIGIN,
    PUBLISH,
    STRANGER,
    TWO,
    Document,
    World,
    statement,
)

SHARD = "data/train-00000-of-00002.parquet"
SECOND = "data/train-00001-of-00002.parquet"
_DAY = 86_400
_OTHER_LOG = TestKey("log of another institution")


@dataclass(slots=True)
class Case:
    """A release as a verifier meets it, and what it must say. `codes` are all codes, in the order in which section 13 names them."""

    world: World
    codes: tuple[str, ...] = ()
    verdict: str = "failed"
    now: str = NOW
    seen: Document | None = None
    links: list[str] = field(default_factory=list)
    trust: bytes = b""


Change = Callable[[World], Any]
_EXITS = {"verified": 0, "failed": 1, "stale": 3, "withdrawn": 4, "incomplete": 5}


def _whole(auditors: tuple[str, ...] = (ONE, TWO)) -> World:
    return World("1.0.0", auditors).finish()


def _after(*codes: str, change: Change, verdict: str = "failed") -> Callable[[], Case]:
    """Return a recipe that bends a finished release: what a host can do."""

    def recipe() -> Case:
        world = _whole()
        change(world)
        return Case(world, codes, verdict)

    return recipe


def _before(*codes: str, verdict: str = "failed", **bends: Callable[[Document], Any]) -> Callable[[], Case]:
    """Return a recipe that bends what is signed: what an institution or an auditor can do. One auditor suffices."""
    return lambda: Case(World("1.0.0", (ONE,), **bends).finish(), codes, verdict)


def _early(*codes: str, **bends: Callable[[Document], Any]) -> Callable[[], Case]:
    """Return the same with a log that ends at the candidate: the sections that decide need no more."""

    def recipe() -> Case:
        world = World("1.0.0", (ONE,), **bends)
        world.skip |= {"report_one", "opinion_one", "release"}
        return Case(world.finish(), codes)

    return recipe


def _both(*codes: str, verdict: str = "failed", **bends: Callable[[Document], Any]) -> Callable[[], Case]:
    """Return the same with two auditors."""
    return lambda: Case(World("1.0.0", (ONE, TWO), **bends).finish(), codes, verdict)


def _logged(*codes: str, change: Change, verdict: str) -> Callable[[], Case]:
    """Return a recipe that adds to the log before it is signed."""

    def recipe() -> Case:
        world = World("1.0.0").write()
        change(world)
        return Case(world.finish(), codes, verdict)

    return recipe


def _flip(path: str, at: int) -> Change:
    def change(world: World) -> None:
        data = bytearray(world.files[path])
        data[at] ^= 1
        world.files[path] = bytes(data)

    return change


def _move(old: str, new: str) -> Change:
    return lambda world: world.files.update({new: world.files.pop(old)})


def _add(path: str, data: bytes = b"more\n") -> Change:
    return lambda world: world.files.update({path: data})


def _names_of_one(*names: str) -> Change:
    return lambda world: world.files.update({f".cache/huggingface/{name}": b"more\n" for name in names})


def _with_card(card: bytes, *codes: str, whole: bool = False) -> Case:
    """Give a release another card, with the manifest's word for it."""

    def bend(manifest: Document) -> None:
        manifest["files"][0] |= {"bytes": len(card), "sha256": digest(card)}

    case = (_both(verdict="verified", manifest=bend) if whole else _early(*codes, manifest=bend))()
    case.world.files["README.md"] = card
    return case


def _card_with_all() -> Case:
    """Give a release a card whose head has every line that it may have."""
    lines = b"""license: "other"
license_name: "terms-of-2026"
extra_gated_prompt: "Say \\"yes\\",\\u000Aand why: \\U0001F431 \\\\"
extra_gated_fields:
  "I agree: to the terms": "checkbox"
  "configs": "text"
language:
- "en"
size_categories:
- "n<1K"
task_categories:
- "text-to-image"
source_datasets:
- "example/parent"
"""
    return _with_card(CARD.replace(b'license: "cc-by-4.0"\n', lines), whole=True)


def _card_saying(line: bytes) -> Callable[[], Case]:
    return lambda: _with_card(CARD.replace(b"tags:\n", line + b"\ntags:\n"), "card-head")


def _card_without_end() -> Case:
    """Give a release a card that is a head alone, and lacks the last LF of that."""
    card = CARD[: CARD.index(b"\n---\n") + 4]
    return _with_card(card, "card-head")


def _swap(world: World) -> None:
    files = world.files
    files[SHARD], files[SECOND] = files[SECOND], files[SHARD]


def _entry_file(folder: str) -> Callable[[World], str]:
    return lambda world: next(path for path in sorted(world.files) if path.startswith(folder))


def _drop_entry(folder: str) -> Change:
    return lambda world: world.files.pop(_entry_file(folder)(world))


def _other_opinion(world: World) -> None:
    """Give the first auditor's file the bytes of the second's opinion."""
    paths = sorted(path for path in world.files if path.startswith("opinions/"))
    world.files[paths[0]] = world.files[paths[1]]


def _link() -> Case:
    return Case(_whole(), ("folder-link",), links=["README.md"])


def _other_checkpoint(world: World) -> None:
    """Sign the right root in another log's name."""
    text = checkpoint_text("other.example/log", len(world.entries), mth(world.entries))
    world.files["log/checkpoint"] = (text + "\n" + LOG_KEY.note_line("other.example/log", LOG, text.encode())).encode()


def _unknown_witness(world: World) -> None:
    text = checkpoint_text(ORIGIN, len(world.entries), mth(world.entries))
    world.files["log/checkpoint"] += cosignature(STRANGER, "stranger.example", text, NOW_SECONDS).encode()


def _truncate_log(world: World) -> None:
    """Drop the last entry and its tiles, with the checkpoint left as it is."""
    for path in [path for path in world.files if path.startswith("log/tile/")]:
        del world.files[path]
    world.files |= {f"log/{path}": data for path, data in log_files(world.entries[:-1]).items()}


def _seen(size: int | None, root: bytes | None = None, **changes: Json) -> Callable[[World], Document]:
    def make(world: World) -> Document:
        count = len(world.entries) if size is None else size
        seen = {"_type": BASE + "seen/v0.1", "checkpoint": "", "logKey": world.trust["log"]["key"], "origin": ORIGIN, "size": count}
        seen["trust"] = None
        return seen | {"root": (root or mth(world.entries[:count])).hex()} | changes

    return make


def _continuing(*codes: str, seen: Callable[[World], Document], verdict: str = "failed") -> Callable[[], Case]:
    def recipe() -> Case:
        world = _whole()
        return Case(world, codes, verdict, seen=seen(world))

    return recipe


def _at(now: str, *codes: str, verdict: str, **times: int) -> Callable[[], Case]:
    """Return a recipe that looks at a whole release at some time; `one` and `two` move the auditors' cosignatures by seconds."""

    def recipe() -> Case:
        world = World("1.0.0").write()
        world.times = {name: world.times[name] + times.get(short, 0) for name, short in ((ONE, "one"), (TWO, "two"))}
        return Case(world.finish(), codes, verdict, now=now)

    return recipe


def _without(name: str) -> Callable[[], Case]:
    """Return a recipe in which one auditor did not cosign."""

    def recipe() -> Case:
        world = World("1.0.0").write()
        del world.times[name]
        return Case(world.finish(), ("opinions-missing", "not-released", "stale"), "incomplete")

    return recipe


def _skipping(role: str, *codes: str) -> Callable[[], Case]:
    """Return a recipe in which one statement was never logged."""

    def recipe() -> Case:
        world = World("1.0.0", (ONE,))
        world.skip.add(role)
        if role == "candidate":
            world.skip |= {"report_one", "opinion_one", "release"}
        return Case(world.finish(), codes, "incomplete")

    return recipe


def _recalled(world: World) -> None:
    world.withdraw("release", world.subject, PUBLISH)


def _key_withdrawn(world: World) -> None:
    """Withdraw an auditor's key: its report and opinion are void, and do not belong in the folder any more."""
    key = AUDITOR_KEYS[TWO]
    world.withdraw("key", (key.keyid, keyid_hex(key.keyid)), key)
    world.entry_files = {path: data for path, data in world.entry_files.items() if TWO not in path}


def _unknown_type(world: World) -> None:
    world.entries.append(PUBLISH.seal(statement(BASE + "recall/v0.1", {}, world.subject)))


def _supersede(world: World) -> None:
    world.supersede()


def _second(**changes: Json) -> Callable[[], Case]:
    """Return a recipe of the line's second release, with `previous` as changed."""

    def recipe() -> Case:
        first = World("1.0.0", (ONE,)).write()
        second = first.following(changes.get("version", "1.1.0"))
        if "previous" in changes:
            second.previous = changes["previous"]
        codes = tuple(changes.get("codes", ()))
        return Case(second.finish(), codes, "failed" if codes else "verified")

    return recipe


def _older_copy() -> Case:
    """Return the first release, with the log that already holds the second."""
    first = World("1.0.0", (ONE,)).write()
    first.entries = first.following("1.1.0").write().entries
    return Case(first.finish(), (), "verified")


def _failed_opinion(report: Document) -> None:
    report |= {"conclusion": "adverse", "claims": [{"claim": "roots", "detail": "", "result": "refuted"}]}


def _qualified(report: Document) -> None:
    report |= {"conclusion": "qualified", "claims": [{"claim": "draw", "detail": "", "result": "skipped"}]}


def _step(**members: Json) -> Callable[[Document], Any]:
    return lambda step: step.update(members)


def _list(**members: Json) -> Callable[[Document], Any]:
    return lambda step: step["lists"][0].update(members)


def _in_part(name: str, **members: Json) -> Callable[[Document], Any]:
    return lambda step: step[name].update(members)


def _required(trust: Document) -> None:
    trust["steps"].reverse()


def _one_more_required(trust: Document) -> None:
    trust["steps"].append({"keys": [BUILD.keyid], "kind": "url", "maxListAgeDays": None, "name": "links"})


def _expected_trust(change: Callable[[Document], Any], *codes: str) -> Callable[[], Case]:
    """Return a recipe in which a whole release meets a stranger's own trust file."""

    def recipe() -> Case:
        world = _whole()
        change(world.trust)
        return Case(world, codes)

    return recipe


_VERDICTS: dict[str, tuple[Callable[[], Case], str]] = {
    "verified": (lambda: Case(_whole(), (), "verified"), "everything holds"),
    "verified-with-extras": (
        _after(change=lambda w: (_add("trust.json")(w), _add("report.html")(w), _add(".gitattributes")(w)), verdict="verified"),
        "files outside the proof, and one that is tolerated",
    ),
    "verified-second-release": (_second(), "the line's second release names the first"),
    "verified-older-copy": (_older_copy, "an older release with the newer log still verifies"),
    "verified-seen-before": (_continuing(seen=_seen(3), verdict="verified"), "the log has grown from what was seen"),
    "verified-another-log-seen": (
        _continuing(seen=_seen(99, bytes(32), logKey=_OTHER_LOG.vkey(ORIGIN, LOG)), verdict="verified"),
        "what was seen of another log says nothing",
    ),
    "verified-at-the-limit": (_at("2026-03-02T11:00:00Z", verdict="verified"), "the quorum is exactly freshSeconds old"),
    "verified-slightly-ahead": (_at("2026-03-01T10:55:00Z", verdict="verified"), "cosignatures 300 seconds ahead of the clock"),
    "trust-final-newline": (lambda: Case(_whole(), ("trust",), trust=canon(_whole().trust) + b"\n"), "a trust file in another form"),
    "trust-expired": (_at("2030-01-01T00:00:01Z", "trust-expired", verdict="failed"), "one second after the trust file expired"),
    "stale-when-trust-expires": (
        _at("2030-01-01T00:00:00Z", "stale", verdict="stale"),
        "the very second at which the trust file expires: it still holds, the cosignatures do not",
    ),
    "trust-threshold": (_expected_trust(lambda t: t["policy"].update(quorum=0), "trust-threshold"), "a quorum of nobody"),
    "checkpoint-cut": (_after("checkpoint-form", change=_flip("log/checkpoint", -1)), "a checkpoint whose last line does not end"),
    "checkpoint-another-origin": (_after("checkpoint-origin", change=_other_checkpoint), "another log's checkpoint, by the right key"),
    "checkpoint-signature": (
        _after("checkpoint-signature", change=_flip("log/checkpoint", 140)),
        "a flipped letter in the log's signature",
    ),
    "checkpoint-unknown-witness": (_after("checkpoint-unknown-key", change=_unknown_witness), "a witness that nobody trusts"),
    "log-truncated": (_after("log-files", change=_truncate_log), "fewer entries than the checkpoint says"),
    "log-tile-too-many": (_after("log-files", change=_add("log/tile/0/001.p/1", bytes(32))), "a tile more"),
    "log-entry-changed": (_after("log-entry", change=_flip("log/tile/entries/000.p/8", 40)), "an entry is not what its leaf hash says"),
    "log-leaf-changed": (_after("log-entry", change=_flip("log/tile/0/000.p/8", 0)), "a leaf hash is not its entry's"),
    "log-rollback": (_continuing("log-rollback", seen=_seen(9, bytes(32))), "the log was longer when it was last seen"),
    "log-fork": (_continuing("log-fork", seen=_seen(3, bytes(32))), "the log has not grown from what was seen"),
    "manifest-final-newline": (
        _after("manifest", change=lambda w: _add("release.json", w.files["release.json"] + b"\n")(w)),
        "a manifest in another form",
    ),
    "manifest-missing": (_after("folder-missing", change=lambda w: w.files.pop("release.json")), "no manifest"),
    "manifest-name": (_early("manifest-name", manifest=lambda m: m.update(name="example/other")), "another line's manifest"),
    "manifest-arithmetic": (_early("manifest-arithmetic", manifest=lambda m: m.update(rows=6), step2=_in_part("output", rows=6)), "rows"),
    "manifest-roots": (_early("manifest-roots", manifest=lambda m: m.update(root=digest("x"))), "a release root of other shards"),
    "no-candidate": (_skipping("candidate", "no-candidate", "not-released"), "the log has no candidate for this manifest"),
    "folder-extra-shard": (_after("folder-extra", change=_add("data/zzz.parquet", b"PAR1")), "a data file that a glob would read"),
    "folder-extra-script": (_after("folder-extra", change=_add("street-scenes.py")), "a script"),
    "folder-extra-evidence": (_after("folder-extra", change=_add("evidence/rows.age")), "sealed evidence in a published release"),
    "folder-empty-file": (_after("folder-extra", change=_add("report.html", b"")), "an empty file"),
    "folder-shard-missing": (_after("folder-missing", change=lambda w: w.files.pop(SHARD)), "a shard is missing"),
    "folder-link": (_link, "a symbolic link to the right bytes"),
    "folder-case-dotless": (
        _after("folder-name", change=_names_of_one("i", "\u0131")),
        "two tolerated names that are one in upper case: i, and i without its dot",
    ),
    "folder-case-sharp": (
        _after("folder-name", change=_names_of_one("ss", "\u1e9e")),
        "two tolerated names that are one in full case mapping: ss, and the capital sharp s",
    ),
    "card-head-all": (_card_with_all, "a card with every line that its head may have"),
    "card-head-nested-key": (_card_saying(b'extra_gated_fields:\n  configs: "text"'), "a field of the gate without quotes"),
    "card-head-nested-deeper": (_card_saying(b'extra_gated_fields:\n    "Name": "text"'), "a field of the gate after four spaces"),
    "card-head-gate-value": (_card_saying(b'extra_gated_fields:\n  "Use":\n'), "a field of the gate without a value"),
    "card-head-end": (_card_without_end, "a card that ends in its closing line, without LF"),
    "folder-case": (_after("folder-extra", "folder-name", change=_add("readme.MD")), "two names that differ by case"),
    "folder-attestation-missing": (_after("folder-entries", change=_drop_entry("attestations/")), "an attestation is missing"),
    "folder-report-missing": (_after("folder-entries", change=_drop_entry("reports/")), "a report is missing"),
    "folder-opinion-of-another": (_after("folder-entries", change=_other_opinion), "one auditor's file holds the other's opinion"),
    "folder-attestation-renamed": (
        _after("folder-entries", change=lambda w: _move(_entry_file("attestations/")(w), "attestations/01-x.00000000.sigstore.json")(w)),
        "an attestation under another name",
    ),
    "file-digest-card": (_after("file-digest", change=_flip("README.md", 165)), "a flipped bit in the card"),
    "file-digest-shard": (_after("file-digest", change=_flip(SHARD, 0)), "a flipped bit in a shard"),
    "file-size": (
        _after("file-size", "file-digest", change=lambda w: _add("README.md", w.files["README.md"] + b"\n")(w)),
        "a file that has grown",
    ),
    "files-swapped": (_after("file-size", "file-digest", change=_swap), "two shards under each other's names"),
    "step-plan": (_early("step-mismatch", step1=_step(planDigest=digest("other plan"))), "an attestation of another plan"),
    "step-kind": (_early("step-mismatch", step2=_in_part("step", kind="url")), "an attestation of another kind"),
    "chain-commitment": (_early("chain", step2=_in_part("input", commitment=digest("x"))), "commitments do not link up"),
    "counts-within": (_early("counts", step1=_step(removed=0)), "a row vanishes within a step"),
    "counts-source": (
        _early("counts", manifest=lambda m: m["source"].update(rows=9)),
        "the first step took in fewer rows than the source had",
    ),
    "counts-release": (
        _early("counts", step2=lambda s: (s["output"].update(rows=4), s.update(removed=2))),
        "the last step gave on fewer rows than the release has",
    ),
    "self-test": (_early("self-test", step1=_in_part("selfTest", caught=2)), "a canary was missed"),
    "kept-low-quality": (
        _before(step1=_step(keptLowQuality=6, override="the source doubled"), step2=_list(partial=True), verdict="verified"),
        "a weaker release is told of, and no fault: all rows of a step kept at low quality, a cap overridden, a part of a list",
    ),
    "kept-low-quality-above-output": (
        _early("counts", step1=_step(keptLowQuality=7)),
        "more rows kept at low quality than rows that the step gave on",
    ),
    "list-age": (_early("list-age", trust=lambda t: t["steps"][1].update(maxListAgeDays=27)), "a list of 28 days where 27 are allowed"),
    "list-age-at-the-limit": (
        _before(verdict="verified", trust=lambda t: t["steps"][1].update(maxListAgeDays=28)),
        "a list of exactly as many days as are allowed",
    ),
    "list-from-the-future": (_early("list-age", step1=_list(vintage="2026-03-02")), "a list made a day after the step finished"),
    "list-empty": (_early("list-empty", step1=_list(entries={"md5": 0})), "a list with zero entries"),
    "step-required-order": (_early("step-required", trust=_required), "required steps in another order"),
    "step-required-missing": (_early("step-required", trust=_one_more_required), "a required step that nobody made"),
    "previous-unknown": (
        _early(
            "previous",
            manifest=lambda m: m.update(previous={"manifest": digest("x"), "version": "0.9.0"}),
            candidate=lambda c: c.update(previousManifest=digest("x")),
        ),
        "a predecessor that the log does not know",
    ),
    "previous-left-out": (_second(previous=None, codes=("previous",)), "a second release that names no predecessor"),
    "candidate-mismatch": (
        _early("candidate-mismatch", candidate=lambda c: c.update(previousManifest=digest("x"))),
        "the candidate names a predecessor that its manifest does not",
    ),
    "opinion-failed": (
        _both("opinion-failed", "opinions-missing", report_two=_failed_opinion),
        "one auditor's FAILED, which the release leans on as well",
    ),
    "opinions-missing": (_skipping("opinion_one", "opinions-missing", "opinions-tier", "not-released"), "no opinion"),
    "opinions-qualified": (
        _both("opinions-missing", "not-released", verdict="incomplete", report_two=_qualified),
        "a qualified report, where the policy wants none",
    ),
    "opinions-tier": (
        _both("opinions-tier", "not-released", verdict="incomplete", report_one=_in_part("scope", tiers=["rows"])),
        "the auditor with tier matches did not open it",
    ),
    "opinion-without-cosignature": (_without(TWO), "an auditor that passed it has not cosigned this checkpoint"),
    "not-released": (_skipping("release", "not-released"), "no release statement"),
    "unknown-type": (_logged("unknown-type", change=_unknown_type, verdict="incomplete"), "an entry of a type that a newer reader knows"),
    "superseded": (_logged("superseded", change=_supersede, verdict="incomplete"), "root announced a newer trust file"),
    "auditor-key-withdrawn": (
        _logged("opinions-missing", "not-released", "stale", change=_key_withdrawn, verdict="incomplete"),
        "an auditor withdrew its key: report, opinion and cosignature count no longer",
    ),
    "withdrawn": (_logged("withdrawn", change=_recalled, verdict="withdrawn"), "the release was recalled"),
    "stale": (_at("2026-03-02T11:00:01Z", "stale", verdict="stale"), "one second above freshSeconds"),
    "stale-one-witness": (_at(NOW, "stale", verdict="stale", one=-30 * _DAY), "a fresh witness does not hide an old one"),
    "cosignature-future": (_at("2026-03-01T10:54:59Z", "cosignature-future", verdict="stale"), "cosignatures 301 seconds ahead"),
}


def verdict_vectors(pieces: Pieces, recipes: Mapping[str, tuple[Callable[[], Case], str]] | None = None) -> Iterator[Vector]:
    """Releases that verify, and releases with one fault each."""
    for name, (recipe, why) in (recipes or _VERDICTS).items():
        case = recipe()
        given = {
            "now": case.now,
            "trust": [pieces.name(case.trust or canon(case.world.trust))],
            "seen": None if case.seen is None else [pieces.name(canon(case.seen))],
            "links": case.links,
            "files": {path: _in_pieces(pieces, case.world, path) for path in sorted(case.world.files)},
        }
        value = {"verdict": case.verdict, "exit": _EXITS[case.verdict], "codes": sorted(case.codes)}
        code = case.codes[0] if case.codes else OK
        yield Vector("verdict", name, {"input.json": plain(given)}, code, why, value)


def _in_pieces(pieces: Pieces, world: World, path: str) -> list[str]:
    """Return the pieces of a file: an entry bundle is cut at its entries and a manifest at its members, so that they are stored once."""
    data = world.files[path]
    if path == "release.json":
        return pieces.document(data)
    bundle = [part for entry in world.entries for part in (len(entry).to_bytes(2, "big"), entry)]
    return [pieces.name(part) for part in (bundle if b"".join(bundle) == data else [data])]
