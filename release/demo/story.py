"""The demo's story: what an institution, two auditors and a hobbyist type, in order, on bundled benign pictures.

Everything is done by the commands themselves; between them the story only lays files where people would. The organisations
are made up; their names lie below example.org.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from audit_logs.trust import Policy, RequiredStep
from release import store, trustfile
from release.demo.bundle import bundle

NAME = "example/clip-art-vetted"
INSTITUTION = "institution.example.org"
AUDITORS = (("auditor-1", "auditor-1.example.org", "matches"), ("auditor-2", "auditor-2.example.org", "rows"))
LISTS = ("known-digests", "known-pdq", "known-urls")
STEPS = (("known-files", "exact-hash"), ("near-copies", "near-hash"), ("known-links", "url"))
MAX_LIST_AGE_DAYS = 90
FRESH_SECONDS = 365 * 86_400
FAILED, INCOMPLETE = 1, 5
PLAN = f"""\
# The plan of the demo: 160 drawings, three lists of "known" ones, three steps.

[release]
name = "{NAME}"
version = "1.0.0"
license = "cc0-1.0"

[source]
path = "source"
format = "imagefolder"
parent = "private"
columns = {{ image = "image", text = "caption", url = "url" }}

[lists]
store = "lists"
max_age = "{MAX_LIST_AGE_DAYS}d"

[[step]]
name = "known-files"
kind = "exact-hash"
lists = ["known-digests"]

[[step]]
name = "near-copies"
kind = "near-hash"
lists = ["known-pdq"]
distance = 31

[[step]]
name = "known-links"
kind = "url"
lists = ["known-urls"]

[build]
row_group_rows = 16
shard_rows = 32

[audit]
required = 2
trust = "trust.json"
"""


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
    yield from _audit(folder, today)
    yield from _publish(folder)
    yield from _hobbyist(folder)


def _institution(folder: Path, today: date) -> Iterator[Scene]:
    home = folder / "institution"
    yield Scene("An institution starts: plan, keys and trust file.", ("init", str(home), "--name", NAME, "--organisation", INSTITUTION))
    yield Scene("It puts its own pictures and plan in the place of the example.", prepare=lambda: _furnish(home))
    for name in LISTS:
        yield Scene(f"It imports a list of known material: {name}.", _import(name, home / "lists", today))
    for place, organisation, tier in AUDITORS:
        yield Scene(f"{organisation} makes its keys.", ("auditor", "new", str(folder / place), "--organisation", organisation))
        card = str(folder / place / "auditor.json")
        yield Scene(
            f"The institution names {organisation} in its trust file.",
            ("trust", "add-auditor", str(home / "trust.json"), card, "--tier", tier),
        )
    yield Scene("The trust file is what everybody pins.", prepare=lambda: _hand_out_trust(folder))
    yield Scene(
        "The institution screens its source: one signed attestation for each step.",
        ("build", str(home / "plan.toml"), "--out", str(home / "candidate")),
    )


def _furnish(home: Path) -> None:
    shutil.rmtree(home / "source")
    shutil.rmtree(home / "lists")
    store.copy_folder(bundle() / "source", home / "source")
    store.write_file(home / "plan.toml", PLAN.encode())
    trust = trustfile.read(home / "trust.json")
    keys = trust.build
    steps = tuple(RequiredStep(name, kind, keys, MAX_LIST_AGE_DAYS) for name, kind in STEPS)
    policy = Policy(opinions=2, matches=1, qualified=False, quorum=2, fresh_seconds=FRESH_SECONDS)
    trustfile.write(home / "trust.json", replace(trust, steps=steps, policy=policy))


def _import(name: str, place: Path, today: date) -> tuple[str, ...]:
    file = str(bundle() / "lists" / f"{name}.csv")
    options = ("--name", name, "--vintage", today.isoformat(), "--authority", "Example Authority (demo)", "--format", "csv")
    return ("lists", "import", file, *options, "--store", str(place))


def _hand_out_trust(folder: Path) -> None:
    trust = (folder / "institution" / "trust.json").read_bytes()
    for place in (folder, *(folder / auditor for auditor, _, _ in AUDITORS)):
        store.write_file(place / "trust.json", trust)


def _audit(folder: Path, today: date) -> Iterator[Scene]:
    home = folder / "institution"
    source = str(home / "source")
    for place, organisation, _ in AUDITORS:
        for name in LISTS:
            yield Scene(f"{organisation} has lists of its own: {name}.", _import(name, folder / place / "lists", today))
        yield Scene(
            f"{organisation} audits the candidate before it is published.",
            ("audit", str(home / "candidate"), *_auditor(folder / place), "--lists", str(folder / place / "lists"), "--source", source),
        )


def _auditor(home: Path) -> tuple[str, ...]:
    return ("--key", str(home / "auditor.pem"), "--identity", str(home / "identity.age"), "--trust", str(home / "trust.json"))


def _publish(folder: Path) -> Iterator[Scene]:
    home = folder / "institution"
    command = ("publish", str(home / "candidate"), "--to", str(folder / "published"), "--plan", str(home / "plan.toml"))
    yield Scene("The institution logs the release; it now needs the auditors' cosignatures.", command, INCOMPLETE)
    for place, organisation, _ in AUDITORS:
        yield Scene(
            f"{organisation} cosigns the log that holds its opinion.",
            ("audit", str(home / "candidate"), *_auditor(folder / place), "--cosign"),
        )
    yield Scene("The same command again: now the release is written, in one step.", command)


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


def _tamper(published: Path, copy: Path) -> None:
    store.copy_folder(published, copy)
    shard = min((copy / "data").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    store.write_file(shard, bytes(data))
