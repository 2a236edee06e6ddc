"""Classes `replay` and `verdict`: what remains of a line when the key of an auditor or of the institution was withdrawn (sections 11, 13.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vectors.reference import Json, digest, keyid_hex
from vectors.replays import OPINED, RELEASED, REPORT, Expected, Recipe, again, of_key, replay_vectors, small_world
from vectors.signing import TestKey
from vectors.vector import Pieces, Vector
from vectors.verdicts import Case, verdict_vectors
from vectors.world import AUDITOR_KEYS, INSTITUTION, NOW_SECONDS, ONE, PUBLISH, ROOT, TWO, Document, World, one_auditor

_SILENCED: list[list[Any]] = [[REPORT, "key-withdrawn"], [OPINED, "key-withdrawn"]]


def _silence(world: World) -> None:
    """Withdraw the auditor's key."""
    world.withdraw("key", of_key(AUDITOR_KEYS[ONE]), ROOT)


def _silent(voids: list[list[Any]], **left: Json) -> Expected:
    """Return what is left of a whole release whose auditor's key was withdrawn."""
    return Expected(_SILENCED + voids, 1, 0, 0, withdrawn_keys=[AUDITOR_KEYS[ONE].keyid], **left)


def _silenced(recall: bool = False) -> tuple[World, Expected]:
    """Return a log whose auditor's key was withdrawn after the release, which may be recalled then."""
    world = small_world().write()
    _silence(world)
    if recall:
        world.withdraw("release", world.subject, PUBLISH)
    return world, _silent([], releases=[["1.0.0", recall]])


def _silenced_before(twice: bool = False) -> tuple[World, Expected]:
    """Return a log whose auditor's key was withdrawn before the release that names its opinion, and perhaps once more after it."""
    world = small_world().write()
    release = world.entries.pop()
    _silence(world)
    world.entries.append(release)
    if twice:
        world.withdraw("key", of_key(AUDITOR_KEYS[ONE]), AUDITOR_KEYS[ONE])
    return world, _silent([[RELEASED + 1, "release-opinions"]], releases=[])


def _released_by(index: int) -> tuple[World, Expected]:
    """Return a log whose release names another entry of the auditor whose key was withdrawn later."""
    world = small_world().write()
    again(RELEASED, PUBLISH, opinions=[digest(world.entries[index])])(world)
    del world.entries[RELEASED]
    _silence(world)
    return world, _silent([[RELEASED, "release-opinions"]], releases=[])


def _silenced_elsewhere() -> tuple[World, Expected]:
    """Return a log whose second release names the silenced opinion on the first."""
    first = small_world().write()
    second = first.following("1.1.0")
    second.bends["release"] = lambda release: release.update(opinions=[digest(first.opinions[0])])
    _silence(second.write())
    voids = [[9, "key-withdrawn"], [10, "key-withdrawn"], [11, "release-opinions"]]
    expected = _silent(voids)
    expected.candidates = 2
    return second, expected


def _version_after_silence() -> tuple[World, Expected]:
    """Return a log whose second release has a lower version than the first, which lost its opinion."""
    world = World("1.1.0", (ONE,)).write().following("1.0.0").write()
    _silence(world)
    expected = _silent([[9, "key-withdrawn"], [10, "key-withdrawn"], [11, "version-not-newer"]], releases=[["1.1.0", False]])
    expected.candidates = 2
    return world, expected


_PUBLISH_TWO = TestKey("publish two")


def _second_publisher(trust: Document) -> None:
    """Let a second key publish."""
    trust["keys"][_PUBLISH_TWO.keyid] = {"organisation": INSTITUTION, "pem": _PUBLISH_TWO.pem}
    trust["publish"] = sorted((PUBLISH.keyid, _PUBLISH_TWO.keyid))


def _withdraw(world: World, key: TestKey) -> None:
    world.withdraw("key", (key.keyid, keyid_hex(key.keyid)), ROOT)


def _one_of_two_silenced() -> Case:
    """Return a release that names two opinions, one of which was silenced, under a policy that asks for one."""
    log = World("1.0.0", (ONE, TWO), trust=one_auditor).write()
    _withdraw(log, AUDITOR_KEYS[TWO])
    log.entry_files = {path: data for path, data in log.entry_files.items() if TWO not in path}
    return Case(log.finish(), (), "verified")


def _first_by_the_other_auditor() -> Case:
    """Return a second release whose predecessor rests on an auditor whose key was withdrawn since."""
    first = World("1.0.0", (TWO,)).write()
    second = first.following("1.1.0")
    second.auditors, second.times = (ONE,), {ONE: NOW_SECONDS - 3_600}
    _withdraw(second.write(), AUDITOR_KEYS[TWO])
    return Case(second.finish(), (), "verified")


def _first_by_the_other_publisher(*codes: str, before: bool, named: bool) -> Callable[[], Case]:
    """Return a second release whose predecessor's publish key was withdrawn, before or after its candidate was logged."""

    def recipe() -> Case:
        first = World("1.0.0", (ONE,), trust=_second_publisher)
        first.signers["release"] = _PUBLISH_TWO
        second = first.write().following("1.1.0")
        if before:
            _withdraw(second, _PUBLISH_TWO)
        if not named:
            second.previous = None
        second.write()
        if not before:
            _withdraw(second, _PUBLISH_TWO)
        return Case(second.finish(), codes, "failed" if codes else "verified")

    return recipe


_REPLAYS: dict[str, tuple[str, Recipe, str]] = {
    "auditor-key-withdrawn-after-release": (
        "key-withdrawn",
        _silenced,
        "an auditor's key is withdrawn: report and opinion are void, the release that named the opinion stays on record",
    ),
    "release-of-a-silenced-auditor-recalled": ("key-withdrawn", lambda: _silenced(recall=True), "such a release can be recalled"),
    "auditor-key-withdrawn-before-release": (
        "key-withdrawn",
        _silenced_before,
        "a release names an opinion whose key had been withdrawn before",
    ),
    "auditor-key-withdrawn-again": (
        "key-withdrawn",
        lambda: _silenced_before(twice=True),
        "a key that was withdrawn before the release is withdrawn once more after it: the first withdrawal counts",
    ),
    "release-by-silenced-report": ("key-withdrawn", lambda: _released_by(REPORT), "a release names a report in the place of an opinion"),
    "release-by-silenced-opinion-on-another": ("key-withdrawn", _silenced_elsewhere, "a release names an opinion on another manifest"),
    "version-used-by-silenced-release": (
        "key-withdrawn",
        _version_after_silence,
        "the version of a release stays used, though its auditor's key was withdrawn",
    ),
}
_VERDICTS: dict[str, tuple[Callable[[], Case], str]] = {
    "verified-with-one-opinion-silenced": (
        _one_of_two_silenced,
        "one of two auditors withdrew its key, and the policy asks for one opinion: the release holds by the other",
    ),
    "verified-predecessor-without-auditor": (
        _first_by_the_other_auditor,
        "the key of the auditor on which the predecessor rested was withdrawn since: the line goes on",
    ),
    "verified-predecessor-without-publisher": (
        _first_by_the_other_publisher(before=False, named=True),
        "the key that published the predecessor was withdrawn after this candidate was logged: the line goes on",
    ),
    "verified-after-a-withdrawn-publisher": (
        _first_by_the_other_publisher(before=True, named=False),
        "the key that published the first release was withdrawn before this candidate was logged: there is no predecessor",
    ),
    "previous-of-a-withdrawn-publisher": (
        _first_by_the_other_publisher("previous", before=True, named=True),
        "a predecessor whose publish key had been withdrawn when this candidate was logged",
    ),
    "previous-denied-later": (
        _first_by_the_other_publisher("previous", before=False, named=False),
        "no predecessor is named, because its publish key will be withdrawn",
    ),
}


def withdrawn_key_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Lines one of whose keys was withdrawn."""
    yield from replay_vectors(pieces, _REPLAYS)
    yield from verdict_vectors(pieces, _VERDICTS)
