"""Steps: hits are removed, what cannot be judged is unscreenable, the rest is kept, and the self-test notices a blind step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from release import canary, steps
from release.errors import ListError, StepError
from release.fingerprint import CONVENTIONS, Fingerprints
from release.lists import ImportRequest, ListStore
from release.match import DigestIndex, NearIndex
from release.plan import Plan, load
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rows, Step, build_steps, kinds
from release.steps.base import Sheet

TODAY = date(2026, 3, 1)
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema([("image", IMAGE), ("url", pa.string()), ("md5", pa.string()), ("sha256", pa.binary())])
HEAD = """\
[release]
name = "a/b"
version = "1.0.0"
license = "x"
[source]
path = "source"
"""
COLUMNS = 'columns = { image = "image", url = "url", declared = { md5 = "md5", sha256 = "sha256" } }\n'
HASH = bytes(range(32))


def md5(text: str) -> bytes:
    """Return the MD5 of a text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def keep_list(folder: Path, name: str, **values: Sequence[str]) -> None:
    """Import a list with a column for each type."""
    kinds_of = sorted(values)
    rows = [kinds_of, *([value if kind == one else "" for one in kinds_of] for kind in kinds_of for value in values[kind])]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(";".join(row) for row in rows))
    ListStore(folder / "lists").import_file(path, ImportRequest(name, TODAY), TODAY)


def read_plan(folder: Path, step: str, columns: str = COLUMNS) -> Plan:
    """Return a plan of one step."""
    (folder / "plan.toml").write_text(f'{HEAD}{columns}[[step]]\nname = "one"\n{step}\n')
    return load(folder / "plan.toml", kinds())


def one_step(folder: Path, step: str, columns: str = COLUMNS) -> Step:
    """Return the one step of a plan, ready to screen."""
    (found,) = build_steps(read_plan(folder, step, columns), ListStore(folder / "lists"), TODAY)
    return found


def digests(images: Sequence[bytes | None], name: str, width: int) -> np.ndarray:
    """Return the digests of images, zeros where there is none."""
    rows = [bytes(width) if image is None else hashlib.new(name, image, usedforsecurity=False).digest() for image in images]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, width)


def rows_of(
    images: Sequence[bytes | None],
    frames: Sequence[tuple[int, bytes]] = (),
    reasons: Sequence[str] = (),
    **columns: Sequence[object],
) -> Rows:
    """Return rows whose frames (row, hash) have eight equal forms under each convention."""
    n = len(images)
    data = {"image": [{"bytes": image, "path": None} for image in images], **{name: list(values) for name, values in columns.items()}}
    batch = pa.RecordBatch.from_pylist([{name: values[row] for name, values in data.items()} for row in range(n)], schema=SCHEMA)
    codes = np.frombuffer(b"".join(code * 8 for _, code in frames), np.uint8).reshape(-1, 8, 32)
    prints = Fingerprints(
        md5=digests(images, "md5", 16),
        sha1=digests(images, "sha1", 20),
        sha256=digests(images, "sha256", 32),
        has_bytes=np.array([image is not None for image in images], np.bool_),
        reason=list(reasons) or [""] * n,
        pdq=dict.fromkeys(CONVENTIONS, codes),
        frame_row=np.array([row for row, _ in frames], np.int64),
        quality=np.full(n, -1, np.int32),
    )
    return Rows(n=n, batch=batch, fingerprints=prints, problems={})


def canary_rows() -> Rows:
    """Return the canary as a batch of one row."""
    picture = canary.picture()
    rows = rows_of([picture], [(0, HASH)], url=[canary.URL], md5=[md5("").hex()], sha256=[None])
    forms = np.broadcast_to(canary.picture_forms(), (1, 8, 32))
    batch = pa.RecordBatch.from_pylist(
        [{"image": None, "url": canary.URL, "md5": canary.digests("md5").hex(), "sha256": canary.digests("sha256")}], schema=SCHEMA
    )
    return replace(rows, batch=batch, fingerprints=replace(rows.fingerprints, pdq=dict.fromkeys(CONVENTIONS, forms)))


def flipped(code: bytes, bits: int) -> bytes:
    """Return a hash with the first `bits` bits turned."""
    return (int.from_bytes(code, "big") ^ ((1 << bits) - 1)).to_bytes(32, "big")


def everyone(rows: Rows) -> np.ndarray:
    """Return that every row is still in."""
    return np.ones(rows.n, np.bool_)


def test_exact_hash_matches_every_digest_of_the_stored_bytes(tmp_path: Path) -> None:
    """MD5, SHA-1 and SHA-256 each find their picture; the first list of the plan is named; a row without bytes is unscreenable."""
    keep_list(tmp_path, "first", md5=[md5("a").hex()], sha1=[hashlib.sha1(b"b", usedforsecurity=False).hexdigest()])
    keep_list(tmp_path, "second", md5=[md5("a").hex()], sha256=[hashlib.sha256(b"c").hexdigest()], pdq=[HASH.hex()])
    step = one_step(tmp_path, 'kind = "exact-hash"\nlists = ["first", "second"]')
    rows = rows_of([b"a", b"b", b"c", b"d", None, b"e"], reasons=["", "", "undecodable", "", "no-image", "too-large"])
    verdicts = step.screen(rows, everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, REMOVED, REMOVED, KEPT, UNSCREENABLE, KEPT]
    assert verdicts.which_list == ["first", "first", "second", "", "", ""]
    assert verdicts.reason == ["", "", "", "", "no-image", ""]
    assert verdicts.coverage == {"md5": 5, "sha1": 5, "sha256": 5}
    assert (step.covers, step.needs_pixels, step.decoder) == ("stored", False, "")


def test_coverage_counts_only_rows_that_are_still_in(tmp_path: Path) -> None:
    """A row that an earlier step took is not counted again."""
    keep_list(tmp_path, "known", md5=[md5("a").hex()])
    step = one_step(tmp_path, 'kind = "exact-hash"\nlists = ["known"]')
    rows = rows_of([b"a", b"b", None])
    verdicts = step.screen(rows, np.array([False, True, True]))
    assert verdicts.coverage == {"md5": 1}
    assert verdicts.which_list[0] == ""


def test_declared_hashes_are_compared_as_such(tmp_path: Path) -> None:
    """Hex in either case and raw bytes match; null, malformed and placeholder hashes are unscreenable unless another one hits."""
    keep_list(tmp_path, "known", md5=[md5("a").hex()], sha256=[hashlib.sha256(b"a").hexdigest()])
    step = one_step(tmp_path, 'kind = "exact-hash"\non = "declared"\nlists = ["known"]')
    other = hashlib.sha256(b"other").digest()
    declared = [md5("a").hex().upper(), None, "xyz", "0" * 32, md5("").hex(), md5("b").hex(), None]
    rows = rows_of([b"z"] * 7, md5=declared, sha256=[other] * 6 + [hashlib.sha256(b"a").digest()])
    verdicts = step.screen(rows, everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, *[UNSCREENABLE] * 4, KEPT, REMOVED]
    assert verdicts.reason == ["", "no-declared-hash", *["bad-declared-hash"] * 3, "", ""]
    assert step.covers == "declared"
    assert verdicts.coverage == {"md5": 2, "sha256": 7}


def test_a_declared_step_needs_a_column_for_every_type_of_its_lists(tmp_path: Path) -> None:
    """Entries that no column could match would look checked and would not be."""
    keep_list(tmp_path, "known", md5=[md5("a").hex()], sha1=["12" * 20])
    with pytest.raises(StepError, match=r"source\.columns\.declared\.sha1"):
        one_step(tmp_path, 'kind = "exact-hash"\non = "declared"\nlists = ["known"]')


@pytest.mark.parametrize("distance", [0, 1, 31, 64])
def test_near_hash_takes_what_lies_within_the_distance(tmp_path: Path, distance: int) -> None:
    """A hash at the distance is a hit and one bit beyond is not."""
    keep_list(tmp_path, "known", pdq=[HASH.hex()])
    step = one_step(tmp_path, f'kind = "near-hash"\nlists = ["known"]\ndistance = {distance}')
    rows = rows_of([b"a", b"b"], [(0, flipped(HASH, distance)), (1, flipped(HASH, distance + 1))])
    verdicts = step.screen(rows, everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, KEPT]
    assert verdicts.which_list == ["known", ""]


def test_any_frame_counts_and_a_damaged_hit_is_a_hit(tmp_path: Path) -> None:
    """A hit in the last frame removes; truncated or too many frames without a hit are unscreenable with that reason."""
    keep_list(tmp_path, "known", pdq=[HASH.hex()])
    step = one_step(tmp_path, 'kind = "near-hash"\nlists = ["known"]\nconventions = ["full"]')
    far = flipped(HASH, 200)
    frames = [(0, far), (0, HASH), (1, HASH), (2, far), (3, HASH), (4, far)]
    rows = rows_of([b"x"] * 8, frames, ["", "truncated", "truncated", "frames", "frames", "pixels", "no-image", ""])
    verdicts = step.screen(rows, everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, REMOVED, UNSCREENABLE, REMOVED, *[UNSCREENABLE] * 4]
    assert verdicts.reason == ["", "", "truncated", "", "frames", "pixels", "no-image", "no-pixels"]
    assert verdicts.coverage == {"pdq-full": 5}
    assert step.conventions == ("full",)


def test_each_form_and_each_convention_counts(tmp_path: Path) -> None:
    """A hit in the last dihedral form of the last convention is enough."""
    keep_list(tmp_path, "known", pdq=[HASH.hex()])
    step = one_step(tmp_path, 'kind = "near-hash"\nlists = ["known"]')
    rows = rows_of([b"a"], [(0, flipped(HASH, 250))])
    codes = rows.fingerprints.pdq["full"].copy()
    codes[0, 7] = np.frombuffer(HASH, np.uint8)
    pdq = {**rows.fingerprints.pdq, CONVENTIONS[-1]: codes}
    assert step.screen(rows, everyone(rows)).status.tolist() == [KEPT]
    turned = replace(rows, fingerprints=replace(rows.fingerprints, pdq=pdq))
    assert step.screen(turned, everyone(rows)).status.tolist() == [REMOVED]


def test_url_matches_links_and_domains(tmp_path: Path) -> None:
    """Every spelling of a listed link goes, with and without tracking parameters, and every host below a listed domain."""
    keep_list(tmp_path, "links", url=["https://bad.example/a?b=1", "https://bad.example/t?utm_source=x"])
    keep_list(tmp_path, "hosts", domain=["Evil.example"])
    step = one_step(tmp_path, 'kind = "url"\nlists = ["links", "hosts"]')
    links = ["HTTP://BAD.example:80/a?utm_medium=q&b=1#f", "https://bad.example/t?utm_source=x", "https://bad.example/t"]
    links += ["https://evil.example/", "http://a.b.evil.example./x", "https://notevil.example/", "https://bad.example/"]
    rows = rows_of([None] * 10, url=[*links, None, "", "no link"])
    verdicts = step.screen(rows, everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, REMOVED, KEPT, REMOVED, REMOVED, KEPT, KEPT, *[UNSCREENABLE] * 3]
    assert verdicts.which_list == ["links", "links", "", "hosts", "hosts", "", "", "", "", ""]
    assert verdicts.reason[-3:] == ["no-url", "no-url", "bad-url"]
    assert verdicts.coverage == {"domain": 7, "url": 7}


STEPS = [
    ('kind = "exact-hash"\nlists = ["known"]', 3, 0),
    ('kind = "exact-hash"\non = "declared"\nlists = ["digests"]', 2, 0),
    ('kind = "near-hash"\nlists = ["known"]', 5, 1),
    ('kind = "near-hash"\nlists = ["known"]\ndistance = 0', 1, 1),
    ('kind = "near-hash"\nlists = ["known"]\ndistance = 64', 5, 0),
    ('kind = "url"\nlists = ["known"]', 2, 0),
]


@pytest.fixture
def all_types(tmp_path: Path) -> Path:
    """Return a folder with lists of every type."""
    digest = hashlib.sha256(b"c").hexdigest()
    keep_list(
        tmp_path,
        "known",
        md5=[md5("a").hex()],
        sha1=["12" * 20],
        sha256=[digest],
        pdq=[HASH.hex()],
        url=["https://bad.example/"],
        domain=["bad.example"],
    )
    keep_list(tmp_path, "digests", md5=[md5("a").hex()], sha256=[digest])
    return tmp_path


@pytest.mark.parametrize(("step", "planted", "beyond"), STEPS)
def test_every_step_catches_its_canaries_and_keeps_the_canary_row(all_types: Path, step: str, planted: int, beyond: int) -> None:
    """The self-test finds each reserved entry; the canary itself matches no entry of the list."""
    built = one_step(all_types, step)
    rows = canary_rows()
    found = built.self_test(rows)
    assert (found.planted, found.caught, found.beyond) == (planted, planted, beyond)
    assert built.screen(rows, everyone(rows)).status.tolist() == [KEPT]


@pytest.mark.parametrize("step", [step for step, _, _ in STEPS])
def test_a_step_whose_index_lost_the_canaries_is_stopped(all_types: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that finds nothing would pass every row; the self-test stops it."""
    built = one_step(all_types, step)
    monkeypatch.setattr(DigestIndex, "find", lambda _, queries: np.full(len(queries), -1, np.int64))
    monkeypatch.setattr(NearIndex, "reserved_within", lambda *_: [])
    with pytest.raises(StepError, match="self-test"):
        built.self_test(canary_rows())


@pytest.mark.parametrize("step", [step for step, _, _ in STEPS])
def test_a_step_that_finds_and_then_lets_go_is_stopped(all_types: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test goes all the way to a verdict: an index that works is not enough."""
    built = one_step(all_types, step)
    monkeypatch.setattr(Sheet, "remove", lambda *_: None)
    with pytest.raises(StepError, match="within the step's reach"):
        built.self_test(canary_rows())


def test_a_step_whose_search_reaches_too_far_is_stopped(all_types: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes one bit more than the plan's distance would remove what the plan keeps."""
    built = one_step(all_types, 'kind = "near-hash"\nlists = ["known"]')
    search = NearIndex.any_within
    monkeypatch.setattr(NearIndex, "any_within", lambda index, codes, radius: search(index, codes, radius + 1))
    with pytest.raises(StepError, match="not beyond it"):
        built.self_test(canary_rows())


def test_a_step_that_finds_too_much_is_stopped(all_types: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that reports an entry beyond the distance is as wrong as one that misses."""
    built = one_step(all_types, 'kind = "near-hash"\nlists = ["known"]')
    monkeypatch.setattr(NearIndex, "reserved_within", lambda *_: list(range(33)))
    with pytest.raises(StepError, match="beyond 31"):
        built.self_test(canary_rows())


def test_a_canary_that_did_not_decode_stops_the_step(all_types: Path) -> None:
    """Without a frame the self-test says nothing, so it fails."""
    built = one_step(all_types, 'kind = "near-hash"\nlists = ["known"]')
    with pytest.raises(StepError, match="decoded"):
        built.self_test(rows_of([b"x"], reasons=["crashed"]))


@pytest.mark.parametrize(
    ("step", "columns", "told"),
    [
        ('kind = "near-hash"\nlists = ["digests"]', COLUMNS, "can use no entry of the list"),
        ('kind = "url"\nlists = ["digests"]', COLUMNS, "domain or url"),
        ('kind = "near-hash"\nlists = ["known"]', 'columns = { url = "url" }\n', "a column of images"),
        ('kind = "exact-hash"\nlists = ["known"]', "", "a column of images"),
        ('kind = "url"\nlists = ["known"]', "", "a column of urls"),
    ],
)
def test_a_step_that_cannot_work_is_refused(all_types: Path, step: str, columns: str, told: str) -> None:
    """A list without a usable entry, or a role without a column, stops the build before a row is read."""
    with pytest.raises(StepError, match=told):
        one_step(all_types, step, columns)


def test_an_old_or_absent_list_stops_the_build(all_types: Path) -> None:
    """The plan's largest age holds on the day of the build."""
    store = ListStore(all_types / "lists")
    plan = read_plan(all_types, 'kind = "url"\nlists = ["known"]')
    with pytest.raises(ListError, match="too old"):
        build_steps(plan, store, date(2026, 6, 1))
    store.remove("known")
    with pytest.raises(ListError, match="no list 'known'"):
        build_steps(plan, store, TODAY)


class _Entry:
    """An installed package's entry point."""

    name, value = "extra", "package:KIND"

    def __init__(self, loaded: object) -> None:
        self.loaded = loaded

    def load(self) -> object:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def test_a_package_adds_a_kind_but_takes_none_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's kind is known by its name; a broken one, or one with a built-in name, is refused."""

    class Extra(steps.UrlKind):
        kind = "extra"

    monkeypatch.setattr(steps, "entry_points", lambda **_: [_Entry(Extra())])
    assert sorted(kinds()) == sorted(["extra", *(kind.kind for kind in steps.BUILT_IN)])
    for loaded, told in ((steps.UrlKind(), "one name"), (ImportError("gone"), "cannot be loaded")):
        monkeypatch.setattr(steps, "entry_points", lambda loaded=loaded, **_: [_Entry(loaded)])
        with pytest.raises(StepError, match=told):
            kinds()


def test_the_documentation_names_every_kind_and_reason() -> None:
    """docs/steps.md tells of each built-in kind and each reason that its module has."""
    text = (Path(__file__).parents[4] / "docs" / "steps.md").read_text()
    words = {*kinds(), "no-image", "no-pixels", "no-url", "bad-url", "no-declared-hash", "bad-declared-hash", "no-photodna", "bad-photodna"}
    assert [word for word in words if f"`{word}`" not in text] == []


def test_digests_of_links_match_any_form_that_is_looked_up(tmp_path: Path) -> None:
    """A link is found by the digest of what the row writes, or of its one form; what is no link is still found by what it says."""
    link = "http://Pictures.example.org/a?utm_source=x"
    whole, plain = "https://pictures.example.org/a?utm_source=x", "https://pictures.example.org/a"
    known = {
        "url-md5": [md5(link).hex()],
        "url-sha1": [hashlib.sha1(plain.encode(), usedforsecurity=False).hexdigest()],
        "url-sha256": [hashlib.sha256(b"no link").hexdigest()],
    }
    keep_list(tmp_path, "known", **known)
    step = one_step(tmp_path, 'kind = "url"\nlists = ["known"]')
    verdicts = step.screen(rows := rows_of([b"z"] * 6, url=[link, plain, whole, "no link", "other", None]), everyone(rows))
    assert verdicts.status.tolist() == [REMOVED, REMOVED, REMOVED, REMOVED, UNSCREENABLE, UNSCREENABLE]
    assert verdicts.reason[4:] == ["bad-url", "no-url"]
    assert step.self_test(canary_rows()).planted == 3
