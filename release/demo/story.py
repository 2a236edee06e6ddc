"""The demo's story: what an institution, two auditors and a hobbyist type, in order, on bundled benign pictures.

Everything is done by the commands themselves; between them the story only lays files where people would. The organisations
are made up; their names lie below example.org.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from audit_logs.trust import Policy
from release import store, trustfile
from release.demo.bundle import bundle
from release.demo.plan import LISTS, NAME, plan, required

INSTITUTION = "institution.example.org"
AUDITORS = (("auditor-1", "auditor-1.example.org", "matches"), ("auditor-2", "auditor-2.example.org", "rows"))
FRESH_SECONDS = 365 * 86_400
FAILED, WITHDRAWN, INCOMPLETE = 1, 4, 5
REASON = "it was screened against an older vintage of a list; use 1.1.0"
FIRST_LIST_AGE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Scene:
    """One step of the story.

    Attributes:
        words: what happens, for a person.
        command: what is typed after `release`, or () where files are only laid in place.
        code: the exit code that the story expects.
        prepare: what is laid in place before.
    """

    words: str
    command: tuple[str, ...] = ()
    code: int = 0
    prepare: Callable[[], object] | None = None


def story(folder: Path, today: date) -> Iterator[Scene]:
    """Yield the scenes of the demo in `folder`, which is empty."""
    yield from _institution(folder, today)
    yield from _audit(folder, "candidate", today)
    yield from _publish(folder, "candidate")
    yield from _hobbyist(folder)
    yield from _second_version(folder, today)
    yield from _recall(folder)
    yield from _old_copy(folder)


def _institution(folder: Path, today: date) -> Iterator[Scene]:
    home = folder / "institution"
    yield Scene("An institution starts: plan, keys and trust file.", ("init", str(home), "--name", NAME, "--organisation", INSTITUTION))
    yield Scene("It puts its own pictures and plan in the place of the example.", prepare=lambda: _furnish(home))
    for name in LISTS:
        yield Scene(f"It imports a list of known material: {name}.", _import(name, home / "lists", today - FIRST_LIST_AGE))
    for place, organisation, tier in AUDITORS:
        yield Scene(f"{organisation} makes its keys.", ("auditor", "new", str(folder / place), "--organisation", organisation))
        card = str(folder / place / "auditor.json")
        yield Scene(
            f"The institution names {organisation} in its trust file.",
            ("trust", "add-auditor", str(home / "trust.json"), card, "--tier", tier),
        )
    yield Scene("The trust file is what everybody pins.", prepare=lambda: _hand_out_trust(folder))
    yield Scene(
        "It looks at its plan: what each step takes and needs, and whether that is there.", ("plan", "check", str(home / "plan.toml"))
    )
    yield Scene(
        "The institution screens its source: one signed attestation for each step.",
        ("build", str(home / "plan.toml"), "--out", str(home / "candidate")),
    )


def _furnish(home: Path) -> None:
    shutil.rmtree(home / "source")
    shutil.rmtree(home / "lists")
    store.copy_folder(bundle() / "source", home / "source")
    store.write_file(home / "plan.toml", plan("1.0.0"))
    trust = trustfile.read(home / "trust.json")
    policy = Policy(opinions=2, matches=1, qualified=False, quorum=2, fresh_seconds=FRESH_SECONDS)
    trustfile.write(home / "trust.json", replace(trust, steps=required(trust.build), policy=policy))


def _import(name: str, place: Path, today: date) -> tuple[str, ...]:
    file = str(bundle() / "lists" / f"{name}.csv")
    options = ("--name", name, "--vintage", today.isoformat(), "--authority", "Example Authority (demo)", "--format", "csv")
    return ("lists", "import", file, *options, "--store", str(place))


def _hand_out_trust(folder: Path) -> None:
    trust = (folder / "institution" / "trust.json").read_bytes()
    for place in (folder, *(folder / auditor for auditor, _, _ in AUDITORS)):
        store.write_file(place / "trust.json", trust)


def _audit(folder: Path, candidate: str, today: date) -> Iterator[Scene]:
    home = folder / "institution"
    source = str(home / "source")
    for place, organisation, _ in AUDITORS:
        for name in () if (folder / place / "lists").exists() else LISTS:
            yield Scene(f"{organisation} has lists of its own: {name}.", _import(name, folder / place / "lists", today))
        yield Scene(
            f"{organisation} audits the candidate before it is published.",
            ("audit", str(home / candidate), *_auditor(folder / place), "--lists", str(folder / place / "lists"), "--source", source),
        )


def _auditor(home: Path) -> tuple[str, ...]:
    return ("--key", str(home / "auditor.pem"), "--identity", str(home / "identity.age"), "--trust", str(home / "trust.json"))


def _publish(folder: Path, candidate: str) -> Iterator[Scene]:
    home = folder / "institution"
    command = ("publish", str(home / candidate), "--to", str(folder / "published"), "--plan", str(home / "plan.toml"))
    yield Scene("The institution logs the release; it now needs the auditors' cosignatures.", command, INCOMPLETE)
    yield from _cosign(folder, candidate, "cosigns the log that holds its opinion")
    yield Scene("The same command again: now the release is written, in one step.", command)


def _cosign(folder: Path, candidate: str, words: str) -> Iterator[Scene]:
    for place, organisation, _ in AUDITORS:
        command = ("audit", str(folder / "institution" / candidate), *_auditor(folder / place), "--cosign")
        yield Scene(f"{organisation} {words}.", command)


def _hobbyist(folder: Path) -> Iterator[Scene]:
    trust = ("--trust", str(folder / "trust.json"))
    yield Scene("A hobbyist verifies what was published, offline.", ("verify", str(folder / "published"), *trust))
    tampered = folder / "tampered"
    yield Scene(
        "Somebody flips one byte of one data file in a copy. The same command again:",
        ("verify", str(tampered), *trust),
        FAILED,
        prepare=lambda: _tamper(folder / "published", tampered),
    )
    yield Scene("The tampered copy is deleted; `published` is as it was.", prepare=lambda: shutil.rmtree(tampered))


def _second_version(folder: Path, today: date) -> Iterator[Scene]:
    """Tell of the next version: the newer list knows nothing that the first one published, so no published row goes missing."""
    home = folder / "institution"
    news, published = home / "news.txt", folder / "published"
    news_options = ("--type", "sha256", "--format", "text", "--add")
    yield Scene("Somebody keeps a copy of this first version.", prepare=lambda: store.copy_folder(published, folder / "old-copy"))
    yield Scene(
        "A newer vintage of a list comes in, with one entry more.",
        ("lists", "update", str(news), "--name", LISTS[0], "--vintage", today.isoformat(), *news_options, "--store", str(home / "lists")),
        prepare=lambda: store.write_file(news, hashlib.sha256(b"a file that is not in the source").hexdigest().encode() + b"\n"),
    )
    yield Scene(
        "The institution screens again, for version 1.1.0; the build looks at what has gone since the last release.",
        ("build", str(home / "plan.toml"), "--out", str(home / "candidate-2"), "--previous", str(published)),
        prepare=lambda: _next_plan(home, news),
    )
    yield from _audit(folder, "candidate-2", today)
    yield from _publish(folder, "candidate-2")


def _next_plan(home: Path, news: Path) -> None:
    store.remove_file(news)
    store.write_file(home / "plan.toml", plan("1.1.0"))


def _recall(folder: Path) -> Iterator[Scene]:
    home = folder / "institution"
    command = ("recall", str(home / "candidate"), "--reason", REASON, "--to", str(folder / "published"), "--plan", str(home / "plan.toml"))
    yield Scene("The institution recalls version 1.0.0: a signed withdrawal in the log.", command, INCOMPLETE)
    yield from _cosign(folder, "candidate", "cosigns the log that holds the withdrawal")
    yield Scene("The same command again: now `published`, which is version 1.1.0, has the new log.", command)
    yield Scene("It is still verified:", ("verify", str(folder / "published"), "--trust", str(folder / "trust.json")))


def _old_copy(folder: Path) -> Iterator[Scene]:
    copy = folder / "old-copy"
    yield Scene(
        "The copy of version 1.0.0, with the log of today: withdrawn.",
        ("verify", str(copy), "--trust", str(folder / "trust.json")),
        WITHDRAWN,
        prepare=lambda: _renew_log(copy, folder / "published"),
    )
    yield Scene("The old copy is deleted; `published` is version 1.1.0.", prepare=lambda: shutil.rmtree(copy))


def _renew_log(copy: Path, published: Path) -> None:
    shutil.rmtree(copy / "log")
    store.copy_folder(published / "log", copy / "log")


def _tamper(published: Path, copy: Path) -> None:
    store.copy_folder(published, copy)
    shard = min((copy / "data").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    store.write_file(shard, bytes(data))
