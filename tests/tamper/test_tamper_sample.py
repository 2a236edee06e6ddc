"""No small change to the smallest release is accepted: a sample of what `make tamper` runs in full."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from simulator import MemoryFiles
from tamper.tampering import PINNED, Tampering, Verify, ask
from tamper.unchanged import SHARED, Kept, kept
from tamper.working import work

from audit_logs.folder import OUTSIDE_THE_PROOF
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.telling import as_json, tell

SAMPLE = 500


@cache
def tampering() -> Tampering:
    """Return all cases."""
    return Tampering()


def test_the_smallest_release_is_verified_with_no_cosignature_to_spare() -> None:
    """What is changed was good before, and has exactly the quorum."""
    before = tampering().before
    assert (before.verdict, before.failures) == ("verified", ())
    assert before.freshness is not None
    assert before.freshness.witnesses == before.freshness.quorum == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_no_small_change_is_accepted_and_none_raises(seed: int) -> None:
    """Replaced, cut and inserted bytes of every file: never verified, never an exception."""
    cases = tampering()
    numbers = cases.sample(SAMPLE, seed)
    assert len(numbers) > SAMPLE * 3 // 4
    assert [wrong for number in numbers if (wrong := cases.wrong(number))] == []


def test_the_bytes_outside_the_proof_are_those_of_two_files() -> None:
    """All the release's bytes are changed by some case; only those of the trust file's copy and the page may change unnoticed."""
    cases = tampering()
    assert {target.path for target in cases.targets} == {PINNED, *cases.files.files}
    assert sorted(target.path for target in cases.targets if target.outside) == sorted(OUTSIDE_THE_PROOF)


def test_the_cases_are_all_different_and_change_something() -> None:
    """For one small signed file: as many distinct changed files as there are replacements and cuts, and never the file itself."""
    target = next(target for target in tampering().targets if target.path == "log/checkpoint")
    size = len(target.data)
    assert target.cases == size * 255 + size + (size + 1) * 4
    changed = [target.changed(number)[1] for number in range(target.cases)]
    assert len(set(changed[: size * 256])) == size * 256
    assert target.data not in changed


def test_a_verifier_that_accepts_or_breaks_is_noticed() -> None:
    """Where a verifier says what it said before, or raises, every case is wrong."""
    cases = tampering()

    def credulous(_files: MemoryFiles, _trust: bytes, _seen: Seen | None) -> Report:
        return cases.before

    def broken(_files: MemoryFiles, _trust: bytes, _seen: Seen | None) -> Report:
        raise ValueError("no verdict")

    inside = list(numbers_inside(cases))
    assert all(cases.wrong(number, credulous).endswith("verified") for number in inside)
    assert all("ValueError" in cases.wrong(number, broken) for number in inside)


def numbers_inside(cases: Tampering) -> Iterator[int]:
    """Yield one case of each file that the proof covers."""
    return (numbers[0] for numbers, target in zip(cases.ranges(), cases.targets, strict=True) if not target.outside)


def test_what_is_kept_changes_no_outcome() -> None:
    """With and without it, each case ends in the same report; all of it is used, and nobody wrote into it."""
    cases = tampering()
    numbers = cases.sample(SAMPLE // 5, seed=3)
    apart = reports(cases, numbers)
    with kept() as functions:
        ask(cases.files, cases.trust, None)
        assert reports(cases, numbers) == apart
        assert len(functions) == len(SHARED)
        assert all(function.spared > 0 and function.holds() for function in functions.values())
    assert not any(isinstance(function.function, Kept) for function in functions.values())


def reports(cases: Tampering, numbers: list[int]) -> list[dict[str, object]]:
    """Return what the verifier says about each case, in full."""
    found: list[dict[str, object]] = []

    def noting(files: MemoryFiles, trust: bytes, seen: Seen | None) -> Report:
        report = ask(files, trust, seen)
        found.append(dict(as_json(tell(report))))
        return report

    verifier: Verify = noting
    assert not any(cases.wrong(number, verifier) for number in numbers)
    assert len(found) == len(numbers)
    return found


def test_only_the_very_arguments_that_were_kept_are_spared() -> None:
    """Another argument goes to the function, and a value that somebody wrote into is noticed."""
    calls: list[bytes] = []

    def function(data: bytes) -> list[bytes]:
        calls.append(data)
        return [data]

    once = Kept(function)
    assert [once(b"a"), once(b"b"), once(b"a"), once(b"b")] == [[b"a"], [b"b"], [b"a"], [b"b"]]
    assert calls == [b"a", b"b", b"b"]
    assert once.holds()
    once(b"a").append(b"c")
    assert not once.holds()


def test_a_run_counts_its_cases() -> None:
    """As many as there were numbers, and nothing wrong with them."""
    assert work(tampering().sample(30, seed=4)) == (30, [])
