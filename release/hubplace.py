"""A release on the Hub: one commit, its tag, and only then an open door.

    1. what stands there is fetched as far as it is the record (log and manifest), and has to be an earlier state of this line
    2. a repository that is not there is made, private; one that moved since 1 is refused
    3. one commit upon the commit of 1; what the API then says of it is compared with the files that were verified here
    4. the tag v<version>, at a commit with this manifest
    5. the gate that the plan asks for, then, for a repository with no other version, the opening: never of one with a past of its own

Each step that was done is found done by the next run. What an open repository shows is at every moment one whole commit.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from audit_logs import manifest as manifests
from audit_logs.errors import StoreError
from audit_logs.folder import OUTSIDE_THE_PROOF
from audit_logs.manifest import Manifest
from release import store
from release.build.frontmatter import gate_of
from release.delivery import Contents, change, check_delivered, deliver, listed
from release.destination import PAGE, SEALED, Ours, Placing, Replaced, check_replaced, hidden, not_ours
from release.errors import GateError, HubError
from release.hub import HubDataset, HubFile, Repository, Standing

EVIDENCE = f"{SEALED}/"
LOG = "log/"
BRANCH = "main"
_AT_ONCE = 4
_MOST_LOG_FILES = 100_000
_GROWN = re.compile(r"log/checkpoint|log/tile/[0-9a-z/.]+|(reports|opinions)/[^/]+\.sigstore\.json")  # what a longer log brings about
_LARGEST_GROWN = 17 << 20  # a tile of 256 entries of 65,535 bytes


@dataclass(frozen=True, slots=True)
class HubDestination:
    """A dataset repository `owner/name`, its gate (`no`, `auto` or `manual`), and the lines of a card that ask readers for it."""

    name: str
    gated: str = "no"
    questions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return how the command line names it."""
        return f"hub:{self.name}"

    @property
    def repository(self) -> Repository:
        """The repository."""
        return Repository(self.name)

    def check_apart(self, folder: Path) -> None:
        """See that the Hub answers this token and the card asks what the plan asks, before anything is logged."""
        self.repository.standing()
        card = folder / "README.md"
        if gate_of(store.read_file(card, manifests.LIMIT).decode("utf-8", "replace")) != self.questions:
            raise GateError(
                "the card asks readers something else than [hub] of the plan, and was fixed when the candidate was built",
                where=str(card),
                expected="the prompt and prompt_fields of the plan",
                found="others, or none",
                next_step="let [hub] be as it was at the build, or raise `version` and build again",
                code="hub-gate",
            )

    def held(self) -> AbstractContextManager[object]:
        """Lock nothing: a commit upon a known parent keeps others away."""
        return nullcontext()

    def check(self, ours: Ours) -> Placing:
        """Return what commits, tags and opens."""
        standing = self.repository.standing()
        if standing is None:
            return Placing(_Publication(self, ours, None, {}, {}, None).put)
        there, tags = listed(standing.head), self.repository.refs().tags
        found = check_there(standing.head, there, ours)
        replaced = None if found is None else found.manifest
        if replaced is not None and replaced.version == ours.manifest.version and replaced.digest != ours.manifest.digest:
            raise self._exists(ours, BRANCH)
        tag = _tag(ours.manifest)
        if tag in tags and _digest_at(HubDataset(self.name, tags[tag])) != ours.manifest.digest:
            raise self._exists(ours, tag)
        return Placing(_Publication(self, ours, standing, there, tags, replaced).put, None if found is None else found.signed)

    @contextmanager
    def staged(self, folder: Path, leave_out: Collection[str]) -> Iterator[Path]:
        """Link: it is gone again once it is uploaded."""
        with hidden(folder.absolute()) as staging:
            store.link_folder(folder, staging, leave_out=leave_out)
            yield staging

    def _exists(self, ours: Ours, where: str) -> GateError:
        return GateError(
            "this version exists there with another content",
            where=f"{self}, {where}",
            expected=f"no version {ours.manifest.version}, or manifest {ours.manifest.digest}",
            found="another manifest",
            next_step="raise `version` in the plan and build again; a published version stays as it is",
            code="version-exists",
        )


@dataclass(frozen=True, slots=True)
class _Publication:
    """What is known before the upload: the destination, what is to come, what stands there, its files and tags, its manifest."""

    destination: HubDestination
    ours: Ours
    standing: Standing | None
    there: Mapping[str, HubFile]
    tags: Mapping[str, str]
    replaced: Manifest | None

    @property
    def repository(self) -> Repository:
        """The repository."""
        return self.destination.repository

    def put(self, staging: Path) -> str:
        """Commit, read back, tag, gate, open; say where it stays private.

        Raises:
            HubError: the Hub refused or failed, or the repository moved.
            GateError: the repository must not be opened.
        """
        contents, gated = Contents.of(staging, self.ours.manifest), self.destination.gated
        if sealed := [path for path in contents.files if path.startswith(EVIDENCE)]:
            raise GateError("sealed evidence is never published", where=sealed[0], code="hub-evidence")
        standing = self._standing()
        if not standing.private and gated not in ("no", standing.gated):
            self.repository.gate(gated)  # what is open already is never open wider than the plan says, not for a moment
        head = self._commit(standing.head, contents)
        self._tag(head)
        now = unmoved(self.repository, head, "it got no gate and was not opened")
        if now.gated != gated:
            self.repository.gate(gated)
        if not now.private:
            return ""
        if self._others():
            return "The repository is private, and holds other versions: it stays so until you open it in its settings."
        self._check_past(contents)
        unmoved(self.repository, head, "it was not opened")
        self.repository.open(gated)
        return ""

    def _standing(self) -> Standing:
        """Return how the repository stands, new or as it was looked at.

        Raises:
            HubError: a new one is not private (`hub-public`), or somebody else wrote meanwhile (`hub-moved`).
        """
        if self.standing is None:
            return new_private(self.repository)
        return unmoved(self.repository, self.standing.head)

    def _commit(self, parent: HubDataset, contents: Contents) -> HubDataset:
        made = change(contents, self.there)
        if not made.gone and not made.files.keys() - {PAGE}:  # the page alone is made anew at each run
            return parent
        before = self.replaced
        if before is not None and before.digest != self.ours.manifest.digest and _tag(before) not in self.tags:
            self.repository.tag(_tag(before), parent)  # a run that was cut off left the version before without its name
        head = deliver(self.repository, parent, made, f"Release {self.ours.manifest.version}, log of {len(self.ours.entries)} entries")
        check_delivered(listed(head), contents, f"{self.destination}, commit {head.commit}")
        return head

    def _tag(self, head: HubDataset) -> None:
        tag = _tag(self.ours.manifest)
        if tag not in self.tags:
            self.repository.tag(tag, head)
            found = self.repository.refs().tags.get(tag)
            if found != head.commit:
                raise HubError(
                    "the tag leads elsewhere",
                    where=f"{self.destination}, {tag}",
                    expected=f"commit {head.commit}",
                    found=f"{found}",
                    next_step="look at the repository on the Hub",
                    code="hub-other",
                )

    def _others(self) -> bool:
        """Tell whether there are other versions: who made such a repository private will have had reasons."""
        return any(tag != _tag(self.ours.manifest) for tag in self.tags) or (
            self.replaced is not None and self.replaced.digest != self.ours.manifest.digest
        )

    def _check_past(self, contents: Contents) -> None:
        """Refuse to open a repository in which anything but this release was ever seen: the past is opened with it.

        Its log may have been shorter, and its reports and opinions fewer; every other file was the one that is verified here.

        Raises:
            GateError: there was (`hub-past`).
        """
        refs = self.repository.refs()
        found = [*sorted(refs.branches.keys() - {BRANCH}), *refs.requests]
        tagged = [HubDataset(self.repository.name, commit) for commit in refs.tags.values()]
        for commit in dict.fromkeys([*self.repository.commits(), *tagged]):
            found += [f"{path}, in commit {commit.commit}" for path, file in listed(commit).items() if not _was_released(file, contents)]
        if found:
            raise GateError(
                "the repository has a past that would be opened with it, so it stays private",
                where=str(self.destination),
                expected="one branch, no pull request, and in each commit the files of this release",
                found=ascii(found[0]) + (f" and {len(found) - 1} more" if found[1:] else ""),
                next_step="publish to a repository that is not there yet",
                code="hub-past",
            )


def _was_released(file: HubFile, contents: Contents) -> bool:
    """Tell whether a file of an earlier commit may be seen: one of the log as it was, or the very file that is there now."""
    if _GROWN.fullmatch(file.path) or file.path in OUTSIDE_THE_PROOF:
        return file.bytes <= _LARGEST_GROWN
    return file.path in contents.files and contents.has(file)


def new_private(repository: Repository) -> Standing:
    """Make a repository and return how it stands.

    Raises:
        HubError: the API does not say that it is private (`hub-public`), somebody has written there (`hub-moved`), or the Hub refused.
    """
    repository.create()
    made = standing_of(repository)
    check_private(repository, made)
    if listed(made.head):
        raise moved(repository.name, "an empty repository", "files")
    return made


def check_private(repository: Repository, standing: Standing) -> None:
    """Refuse a repository of which the API does not say that it is private.

    Raises:
        HubError: it does not (`hub-public`).
    """
    if not standing.private:
        raise HubError(
            "the repository is not private, so nothing was uploaded",
            where=repository.name,
            expected="private",
            found="public, by what the API says",
            next_step="make it private in its settings, or name another one",
            code="hub-public",
        )


def unmoved(repository: Repository, head: HubDataset, consequence: str = "nothing was written") -> Standing:
    """Return how a repository stands, if its newest commit is still the one that was looked at.

    Raises:
        HubError: it is another one (`hub-moved`).
    """
    now = standing_of(repository)
    if now.head != head:
        raise moved(repository.name, f"commit {head.commit}", f"commit {now.head.commit}", consequence)
    return now


def standing_of(repository: Repository) -> Standing:
    """Return how a repository stands that must be there.

    Raises:
        HubError: it is gone.
    """
    now = repository.standing()
    if now is None:
        raise HubError("the repository is gone", where=repository.name, next_step="look at it on the Hub", code="hub-moved")
    return now


def moved(name: str, expected: str, found: str, consequence: str = "nothing was written") -> HubError:
    """Return the refusal to write to what is no longer what was looked at."""
    return HubError(
        f"the repository moved while this ran: {consequence}",
        where=name,
        expected=expected,
        found=found,
        next_step="find out who writes there, then run again",
        code="hub-moved",
    )


def check_there(head: HubDataset, there: Mapping[str, HubFile], ours: Ours) -> Replaced | None:
    """Return what stands at a commit, None for nothing.

    Raises:
        GateError: it is no earlier state of this line, or a candidate with its evidence (`destination`).
        HubError: the Hub refused or failed.
    """
    where = f"hub:{head.name}"
    if not there:
        return None
    if any(path.startswith(EVIDENCE) for path in there):
        raise not_ours(where, "a candidate with sealed evidence, which is never opened")
    with fetched_record(head, there) as record:
        return check_replaced(record, where, ours)


@contextmanager
def fetched_record(head: HubDataset, there: Collection[str]) -> Iterator[Path]:
    """Give a folder with the log and the manifest of a commit, as far as they are there.

    Raises:
        HubError: the Hub refused or failed, or lists far too many files.
    """
    paths = [path for path in there if path.startswith(LOG) or path == manifests.PATH]
    if len(paths) > _MOST_LOG_FILES:
        raise HubError("the Hub lists far too many files of a log", where=head.name, found=str(len(paths)))
    with temporary() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda path: head.fetch(path, folder), paths):
            pass
        yield folder


@contextmanager
def temporary() -> Iterator[Path]:
    """Give a private folder that is gone afterwards.

    Raises:
        StoreError: none can be made.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="release-hub-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError("no temporary folder can be made", found=error.strerror or "an error", next_step="free some space") from error
    with made as folder:
        yield Path(folder)


def _digest_at(dataset: HubDataset) -> str | None:
    """Return the SHA-256 of the manifest of a commit, None where there is none."""
    if manifests.PATH not in listed(dataset):
        return None
    with temporary() as folder:
        return store.file_sha256(dataset.fetch(manifests.PATH, folder))


def _tag(manifest: Manifest) -> str:
    return f"v{manifest.version}"
