"""A small institution on disk, for tests of whole commands: generated pictures, three lists, keys, two auditors, a plan.

    project = make(tmp_path / "project", rows())
    answer = project.command("build", project.plan, "--out", tmp_path / "candidate")

`rows()` are twenty clean pictures, of which one is known by its bytes, one by what it shows and one by its link. `in_process`
runs a command inside the test, `command` as a process of its own, `start` in the background, where a test can meddle with it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyrage
from PIL import Image

from audit_logs import keys, note
from audit_logs import trust as trusts
from audit_logs.trust import Auditor, LogId, Policy, RequiredStep, Root, Trust, TrustKey
from release import cli
from release.fingerprint import pdq
from release.lists import ImportRequest, ListStore

ROOT = Path(__file__).resolve().parents[1]
TODAY = datetime.now(UTC).date()
INSTITUTION = "institution.example.org"
ORIGIN = f"{INSTITUTION}/street"
KNOWN_FILE, KNOWN_PICTURE, KNOWN_LINK = 3, 7, 11  # seeds of the pictures that the lists know
PATIENCE = 60.0  # seconds

EXACT = '[[step]]\nname = "known-files"\nkind = "exact-hash"\nlists = ["known-digests"]\n'
NEAR = '[[step]]\nname = "near-copies"\nkind = "near-hash"\nlists = ["known-pdq"]\nconventions = ["thumbnail-512"]\n'
LINKS = '[[step]]\nname = "known-links"\nkind = "url"\nlists = ["known-urls"]\n'
PLAN = """\
[release]
name = "example/street"
version = "{version}"
license = "cc0-1.0"
[source]
path = "source"
parent = "{parent}"
columns = {{ image = "image", text = "caption", url = "url" }}
[lists]
store = "lists"
{steps}
[build]
row_group_rows = 2
shard_rows = 2
[audit]
required = 2
trust = "trust.json"
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a source. Without `data`, the image is the file that `path` names, if it names one."""

    data: bytes | None
    caption: str
    url: str
    path: str | None = None
    fate: str = "kept"  # kept, removed, or the reason why it is unscreenable


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it."""
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan says that a test may want otherwise."""

    version: str = "1.0.0"
    parent: str = "private"
    steps: Sequence[str] = field(default=(EXACT, NEAR, LINKS))


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a folder."""

    folder: Path

    @property
    def plan(self) -> Path:
        """The plan file."""
        return self.folder / "plan.toml"

    @property
    def source(self) -> Path:
        """The folder of the source."""
        return self.folder / "source"

    def write_plan(self, wanted: Wanted, name: str = "plan.toml") -> Path:
        """Write a plan file and return it."""
        path = self.folder / name
        path.write_text(PLAN.format(version=wanted.version, parent=wanted.parent, steps="".join(wanted.steps)), encoding="utf-8")
        return path

    def copy(self, folder: Path) -> Project:
        """Return a copy that a test may damage."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def build(self, out: Path, *options: object) -> Answer:
        """Run `release build` as a process of its own."""
        return command("build", self.plan, "--out", out, *options)

    def build_here(self, out: Path, *options: object) -> Answer:
        """Run `release build` inside the test."""
        return in_process("build", self.plan, "--out", out, *options)


@dataclass(slots=True)
class Running:
    """A command in the background, in a process group of its own."""

    process: subprocess.Popen[str]

    def wait_for(self, there: Callable[[], object], what: str) -> None:
        """Wait until something is there; fail if the command ends before."""
        until = time.monotonic() + PATIENCE
        while not there():
            assert self.process.poll() is None, f"ended before {what}: {self.process.communicate()}"
            assert time.monotonic() < until, f"no {what}"
            time.sleep(0.002)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every process of the group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def end(self) -> Answer:
        """Wait for the end and return what was said; no process of the group outlives the command for long."""
        out, err = self.process.communicate(timeout=PATIENCE)
        until = time.monotonic() + PATIENCE
        while self._group_lives():
            assert time.monotonic() < until, "processes were left behind"
            time.sleep(0.01)
        return Answer(self.process.returncode, out, err)

    def _group_lives(self) -> bool:
        """Tell whether a process of the group is more than an entry that nobody has collected yet."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                state, _, group = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
                if int(group) == self.process.pid and state not in "ZX":
                    return True
        return False


def command(*words: object, **options: object) -> Answer:
    """Run `release` as a process of its own and wait for its end."""
    done = subprocess.run(_words(words), capture_output=True, text=True, env=_environment(), timeout=PATIENCE, check=False, **options)  # type: ignore[call-overload]
    return Answer(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def start(*words: object) -> Iterator[Running]:
    """Run `release` in the background; whatever is left of it ends with the block."""
    process = subprocess.Popen(
        _words(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(), start_new_session=True
    )
    try:
        yield Running(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def in_process(*words: object) -> Answer:
    """Run `release` inside this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run([str(word) for word in words])
    return Answer(code, out.getvalue(), err.getvalue())


def _words(words: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "release", *map(str, words)]


def _environment() -> dict[str, str]:
    """Return this process's environment, in which this checkout comes first; what a test put on the path comes after."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}


def picture(seed: int) -> Image.Image:
    """Return a picture of flowing colours."""
    small = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((256, 192), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def row(seed: int) -> Row:
    """Return a clean row."""
    fate = "removed" if seed in (KNOWN_FILE, KNOWN_PICTURE, KNOWN_LINK) else "kept"
    return Row(
        encoded(picture(seed)), f"A view of quarter {seed:03d}", f"https://pictures.example.org/{seed:03d}", f"view-{seed:03d}.jpg", fate
    )


def rows(count: int = 20) -> list[Row]:
    """Return clean rows; the lists know three of the first twenty."""
    return [row(seed) for seed in range(count)]


def make(folder: Path, source: Sequence[Row], wanted: Wanted | None = None) -> Project:
    """Write a whole project into a new folder; its source is one Parquet file with two rows to a row group."""
    project = Project(folder)
    project.source.mkdir(parents=True)
    write_parquet(project.source / "train.parquet", source)
    _write_keys_and_trust(folder)
    _write_lists(folder)
    project.write_plan(wanted or Wanted())
    return project


def write_parquet(path: Path, source: Sequence[Row]) -> None:
    """Write rows as the `datasets` library lays them out."""
    images = [None if one.data is None and one.path is None else {"bytes": one.data, "path": one.path} for one in source]
    columns = {
        "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "caption": pa.array([one.caption for one in source], pa.string()),
        "url": pa.array([one.url for one in source], pa.string()),
    }
    pq.write_table(pa.table(columns), path, row_group_size=2)


def known_digest() -> str:
    """Return the SHA-256 (hex) that the list of digests knows."""
    return hashlib.sha256(encoded(picture(KNOWN_FILE))).hexdigest()


def known_pdq() -> str:
    """Return the PDQ hash (hex) that the list of pictures knows."""
    codes, _ = pdq.conventions(np.asarray(picture(KNOWN_PICTURE)), ("full",))["full"]
    return codes[0].tobytes().hex()


def _write_keys_and_trust(folder: Path) -> None:
    (folder / "keys").mkdir()
    institution, log, root = (keys.generate(folder / "keys" / f"{name}.pem") for name in ("institution", "log", "root"))
    named = {key.keyid: TrustKey(INSTITUTION, key.public.pem) for key in (institution, root)}
    auditors = [_auditor(folder, number, named) for number in (1, 2)]
    steps = [RequiredStep("known-files", "exact-hash", (institution.keyid,), 90)]
    trust = Trust(
        version=1,
        previous=None,
        expires=f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%dT%H:%M:%SZ}",
        name="example/street",
        log=LogId(ORIGIN, keys.verifier_key(log, ORIGIN, note.LOG_KEY).text),
        keys=named,
        root=Root((root.keyid,), 1),
        build=(institution.keyid,),
        publish=(institution.keyid,),
        steps=tuple(steps),
        auditors=tuple(auditors),
        officer=_identity(folder / "keys" / "officer.age"),
        policy=Policy(opinions=2, matches=1, qualified=True, quorum=2, fresh_seconds=31_536_000),
    )
    (folder / "trust.json").write_bytes(trusts.encode(trust))


def _auditor(folder: Path, number: int, named: dict[str, TrustKey]) -> Auditor:
    organisation = f"auditor-{number}.example.org"
    signer = keys.generate(folder / "keys" / f"auditor-{number}.pem")
    named[signer.keyid] = TrustKey(organisation, signer.public.pem)
    witness = keys.verifier_key(signer, organisation, note.WITNESS_KEY).text
    recipient = _identity(folder / "keys" / f"auditor-{number}.age")
    return Auditor(organisation, signer.keyid, witness, recipient, "matches" if number == 1 else "rows")


def _identity(path: Path) -> str:
    identity = pyrage.x25519.Identity.generate()
    path.touch(mode=0o600)
    path.write_text(f"{identity}\n", encoding="utf-8")
    return str(identity.to_public())


def _write_lists(folder: Path) -> None:
    entries = {
        "known-digests": ("sha256", known_digest()),
        "known-pdq": ("pdq", known_pdq()),
        "known-urls": ("url", row(KNOWN_LINK).url),
    }
    for name, (kind, value) in entries.items():
        (folder / f"{name}.txt").write_text(f"{value}\n", encoding="utf-8")
        request = ImportRequest(name=name, vintage=TODAY, authority="Example Authority", format="text", type=kind)
        ListStore(folder / "lists").import_file(folder / f"{name}.txt", request, TODAY)


def forms(value: bytes) -> list[bytes]:
    """Return the ways in which a value could stand in a file: raw, hexadecimal, base64."""
    return [value, value.hex().encode(), value.hex().upper().encode(), base64.b64encode(value).rstrip(b"="), repr(value)[2:-1].encode()]
