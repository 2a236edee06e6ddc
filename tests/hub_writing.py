"""What `huggingface_hub` asks of the small Hub of `hub_server` when it writes: the routes, and what each does to a repository.

A commit is made upon the parent that the client names, or not at all; large files are stored by their SHA-256 before it, and each
only once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Answer = tuple[int, Any]
ATTRIBUTES = {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}
SIGNATURE = "signature-of-the-store"  # whoever has such an address may write there
WRITER = "2026-01-01T00:00:00.000Z"


class Repository(Protocol):
    """What is written to: `hub_server.Repository`."""

    name: str
    commits: dict[str, str]
    at: dict[str, dict[str, bytes]]
    large: int
    exists: bool
    private: bool
    gated: str | bool
    tags: set[str]
    objects: dict[str, bytes]
    past: list[str]
    requests_open: dict[str, str]
    stays_public: bool
    called: str

    def files(self, revision: str) -> dict[str, bytes]:
        """Return the files of a branch, tag or commit."""
        ...

    def entry(self, path: str, revision: str = "main") -> dict[str, Any]:
        """Return a file as the tree lists it."""
        ...


@dataclass(frozen=True)
class Call:
    """A request: its method, path and body, where it was sent to, and whether it asks for a pull request."""

    method: str
    path: str
    body: bytes
    endpoint: str
    request: bool

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def git(data: bytes) -> str:
    """Return the name that Git gives to the bytes of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324


def described(repository: Repository, revision: str) -> dict[str, Any]:
    """Return what the API says of a repository at a revision."""
    private = repository.private and not repository.stays_public
    return {
        "id": repository.called or repository.name,
        "sha": repository.commits[revision],
        "siblings": [],
        "private": private,
        "gated": repository.gated,
    }


def route(repository: Repository, call: Call) -> str | None:
    """Return the name of a writing route, or None for what only reads."""
    api = f"/api/datasets/{repository.name}/"
    if call.path == "/api/repos/create":
        return "create"
    if call.path == "/api/validate-yaml":
        return "yaml"
    if call.path.startswith("/lfs/"):
        return "store" if call.method == "PUT" else "verify"
    if call.path == f"/datasets/{repository.name}.git/info/lfs/objects/batch":
        return "batch"
    name = call.path.removeprefix(api).partition("/")[0]
    if call.path.startswith(api) and name in ("preupload", "commit", "tag", "refs", "commits", "settings"):
        return name
    return None


def answer(repository: Repository, name: str, call: Call) -> Answer:
    """Do what a route does."""
    if not repository.exists and name not in ("create", "yaml"):
        return 404, "RepoNotFound"
    return _ROUTES[name](repository, call)


def commit(repository: Repository, files: dict[str, bytes], branch: str = "main") -> str:
    """Let a branch have other files, and return the commit."""
    parent = repository.commits.get("main", "")
    text = json.dumps([parent, branch, sorted((path, hashlib.sha256(data).hexdigest()) for path, data in files.items())])
    made = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324
    repository.at[made] = dict(files)
    repository.commits |= {branch: made, made: made}
    if branch == "main":
        repository.past.insert(0, made)
    return made


def _create(repository: Repository, call: Call) -> Answer:
    asked = call.json
    name = f"{asked['organization']}/{asked['name']}"
    if name != repository.name:
        return 403, "You don't have the rights to create a dataset under this namespace"
    if repository.exists:
        return 409, "You already created this dataset repo"
    repository.exists, repository.private = True, asked.get("visibility") == "private"
    commit(repository, ATTRIBUTES)
    return 200, {"url": f"{call.endpoint}/datasets/{name}", "name": name}


def _yaml(_: Repository, __: Call) -> Answer:
    return 200, {"errors": [], "warnings": []}


def _preupload(repository: Repository, call: Call) -> Answer:
    def told(file: dict[str, Any]) -> dict[str, Any]:
        path, mode = file["path"], "lfs" if file["size"] >= repository.large else "regular"
        entry = repository.entry(path) if path in repository.files("main") else {}
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": entry.get("lfs", entry).get("oid")}

    return 200, {"files": [told(file) for file in call.json["files"]]}


def _batch(repository: Repository, call: Call) -> Answer:
    def told(wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["oid"] in repository.objects:
            return wanted
        href = f"{call.endpoint}/lfs/{wanted['oid']}?X-Signature={SIGNATURE}"
        return wanted | {"actions": {"upload": {"href": href}, "verify": {"href": href}}}

    return 200, {"transfer": "basic", "objects": [told(wanted) for wanted in call.json["objects"]]}


def _store(repository: Repository, call: Call) -> Answer:
    name = call.path.removeprefix("/lfs/")
    if hashlib.sha256(call.body).hexdigest() != name:
        return 400, "these are other bytes"
    repository.objects[name] = call.body
    return 200, {}


def _verify(repository: Repository, call: Call) -> Answer:
    return (200, {}) if call.path.removeprefix("/lfs/") in repository.objects else (404, "no such object")


def _commit(repository: Repository, call: Call) -> Answer:
    lines = [json.loads(line) for line in call.body.splitlines()]
    if lines[0]["value"].get("parentCommit", repository.commits["main"]) != repository.commits["main"]:
        return 412, "A commit has happened since. Please refresh and try again."
    files = dict(repository.files("main"))
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = repository.objects[value["oid"]]
        else:
            del files[value["path"]]
    branch = f"refs/pr/{len(repository.requests_open) + 1}" if call.request else "main"
    made = commit(repository, files, branch)
    url = f"{call.endpoint}/datasets/{repository.name}"
    if call.request:
        repository.requests_open[branch] = made
        return 200, {
            "commitUrl": f"{url}/commit/{made}",
            "commitOid": made,
            "pullRequestUrl": f"{url}/discussions/{branch.rsplit('/', maxsplit=1)[-1]}",
        }
    return 200, {"commitUrl": f"{url}/commit/{made}", "commitOid": made}


def _tag(repository: Repository, call: Call) -> Answer:
    name, revision = call.json["tag"], call.path.rpartition("/tag/")[2]
    if name in repository.commits:
        return 409, "Tag reference exists already"
    repository.commits[name] = repository.commits[revision]
    repository.tags.add(name)
    return 200, {}


def _refs(repository: Repository, _: Call) -> Answer:
    def told(kind: str, names: set[str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"{kind}{name}", "targetCommit": repository.commits[name]} for name in sorted(names)]

    commits = set(repository.commits.values())
    branches = {name for name in repository.commits if name not in repository.tags and name not in commits and "/" not in name}
    requests = [{"name": ref.removeprefix("refs/"), "ref": ref, "targetCommit": made} for ref, made in repository.requests_open.items()]
    return 200, {
        "branches": told("refs/heads/", branches),
        "tags": told("refs/tags/", repository.tags),
        "converts": [],
        "pullRequests": requests,
    }


def _commits(repository: Repository, _: Call) -> Answer:
    told = {"title": "a commit", "message": "", "authors": [], "date": WRITER}
    return 200, [{"id": made} | told for made in repository.past]


def _settings(repository: Repository, call: Call) -> Answer:
    asked = call.json
    if "visibility" in asked:
        repository.private = asked["visibility"] == "private"
    if "gated" in asked:
        repository.gated = asked["gated"]
    return 200, {}


_ROUTES: dict[str, Callable[[Repository, Call], Answer]] = {
    "create": _create,
    "yaml": _yaml,
    "preupload": _preupload,
    "batch": _batch,
    "store": _store,
    "verify": _verify,
    "commit": _commit,
    "tag": _tag,
    "refs": _refs,
    "commits": _commits,
    "settings": _settings,
}
