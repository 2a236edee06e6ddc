"""Writing to the Hub: a private repository, commits upon a known parent, tags, and who may read.

Nothing here decides what may be written. A commit is one step: it is there with all its files, or it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from release.errors import HubError
from release.hub.failures import check_token, explained, refused
from release.hub.reading import DATASET, HubDataset, at_commit

_LONGEST_NAME = 200
_GATES: Mapping[str, Literal["auto", "manual", False]] = {"no": False, "auto": "auto", "manual": "manual"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a repository stands: its newest commit, whether the API says that it is private, and `no`, `auto` or `manual` for its gate."""

    head: HubDataset
    private: bool
    gated: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit changes: path -> the file to be there, and the paths that are no longer."""

    files: Mapping[str, Path]
    gone: Sequence[str]

    def __bool__(self) -> bool:
        """Tell whether it changes anything."""
        return bool(self.files or self.gone)


@dataclass(frozen=True, slots=True)
class Refs:
    """Branches and tags by name, pull requests by their reference, each with its commit."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]
    requests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Repository:
    """A dataset repository that is written to."""

    name: str

    def standing(self) -> Standing | None:
        """Return how it stands now, or None if this token sees none.

        Raises:
            HubError: there is no token, or the Hub refused or failed.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        check_token()
        with explained(self.name):
            try:
                info = HfApi().dataset_info(self.name)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
        if info.id != self.name:
            raise HubError(
                "the Hub answers for a repository of another name: this one was renamed, or is written otherwise",
                where=self.name,
                expected=self.name,
                found=ascii(info.id)[:_LONGEST_NAME],
                next_step="look at the repository on the Hub, then write its name as it is there",
                code="hub-moved",
            )
        gated = info.gated if info.gated in ("auto", "manual") else "no"
        return Standing(at_commit(self.name, None, info.sha or ""), info.private is True, gated)

    def create(self) -> None:
        """Create it, private.

        Raises:
            HubError: one of this name exists that this token does not see, the name is forbidden, or the Hub refused or failed.
        """
        from huggingface_hub import HfApi

        with explained(self.name, writing=True):
            HfApi().create_repo(self.name, repo_type=DATASET, private=True)

    def commit(self, parent: HubDataset, change: Change, message: str, *, request: bool = False) -> str:
        """Write one commit upon a parent and return it, or, for a pull request, its reference.

        Large files that an earlier call has uploaded are not uploaded again.

        Raises:
            HubError: the repository has another newest commit than the parent (`hub-moved`), or the Hub refused or failed. Whether
                there is a commit then, only looking again can tell.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        with explained(self.name, writing=True):
            try:
                done = HfApi().create_commit(
                    self.name,
                    [
                        *(CommitOperationAdd(path, str(file)) for path, file in change.files.items()),
                        *(CommitOperationDelete(path, is_folder=False) for path in change.gone),
                    ],
                    commit_message=message,
                    repo_type=DATASET,
                    parent_commit=parent.commit,
                    create_pr=request,
                )
            except (RuntimeError, ValueError) as error:  # an upload that failed in a thread; a card that the Hub does not take
                raise refused(error, self.name) from error
        return f"refs/pr/{done.pr_num}" if request else done.oid

    def refs(self) -> Refs:
        """Return branches, tags and pull requests.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import HfApi

        with explained(self.name):
            found = HfApi().list_repo_refs(self.name, repo_type=DATASET, include_pull_requests=True)
        return Refs(
            branches={ref.name: ref.target_commit for ref in (*found.branches, *found.converts)},
            tags={ref.name: ref.target_commit for ref in found.tags},
            requests={ref.ref: ref.target_commit for ref in found.pull_requests or ()},
        )

    def commits(self) -> list[HubDataset]:
        """Return every commit of the default branch, newest first.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import HfApi

        with explained(self.name):
            found = HfApi().list_repo_commits(self.name, repo_type=DATASET)
        return [at_commit(self.name, None, one.commit_id) for one in found]

    def tag(self, name: str, at: HubDataset) -> None:
        """Give a commit a name, which nothing else has.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import HfApi

        with explained(f"{self.name}, tag {name}", writing=True):
            HfApi().create_tag(self.name, tag=name, revision=at.commit, repo_type=DATASET)

    def gate(self, gated: str) -> None:
        """Let readers in without asking (`no`), whoever asks (`auto`), or each by hand (`manual`), and see that it is so.

        Raises:
            HubError: the Hub refused or failed, or says afterwards that it is not so.
        """
        from huggingface_hub import HfApi

        with explained(self.name, writing=True):
            HfApi().update_repo_settings(self.name, gated=_GATES[gated], repo_type=DATASET)
        found = self.standing()
        if found is None or found.gated != gated:
            raise _not_so(self.name, f"gated: {gated}", "another setting")

    def open(self, gated: str) -> None:
        """Let everybody see it, behind the gate that it has, and see that it is so.

        Raises:
            HubError: the Hub refused or failed, or says afterwards that it is not so.
        """
        from huggingface_hub import HfApi

        with explained(self.name, writing=True):
            HfApi().update_repo_settings(self.name, private=False, repo_type=DATASET)
        found = self.standing()
        if found is None or found.private:
            raise _not_so(self.name, "public", "private")
        if found.gated != gated:
            raise _not_so(self.name, f"gated: {gated}", f"gated: {found.gated}")


def _not_so(where: str, expected: str, found: str) -> HubError:
    return HubError(
        "the Hub took a setting and does not have it",
        where=where,
        expected=expected,
        found=found,
        next_step="look at the repository's settings",
    )
