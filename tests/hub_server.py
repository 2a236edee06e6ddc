"""A small Hub on the loopback interface: what `huggingface_hub` asks for when it reads a dataset at a commit, and when it writes one.

It serves one repository from memory and can lie: tests change `content`, `listed` or `commits` to see what a client believes, and
`faults` to see what it does when an answer is late, wrong or cut off. What is written is told in `hub_writing`.
Run a client in a subprocess with `environment(...)`: `huggingface_hub` reads its settings when it is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import hub_writing

LARGE = 256  # bytes from which a file is in large-file storage here


@dataclass
class Repository:
    """A dataset repository.

    Attributes:
        name: owner/name.
        commits: branch, tag or commit -> commit.
        content: path -> bytes that are delivered.
        listed: path -> sha256 (hex) that the tree lists for a large file, where it is not that of the bytes.
        requests: every request, as "METHOD path" with the bytes asked for.
        at: commit -> its files, where they are not `content`.
        faults: path -> what goes wrong with its next deliveries: a status, `cut` (the connection ends in the middle), `truncate` (a
            whole answer of half the bytes), `flip` (one bit), `whole` (all of it where
            a range was asked for) or `""` (nothing). By the name of a writing route: a status, `cut` (the connection ends
            before anything is done), `done` (it ends after it was) or `kill` (so does the client).
        large: bytes from which a file is in large-file storage.
        exists: whether there is such a repository.
        private: whether it is private.
        gated: False, `auto` or `manual`.
        token: the token that may read and write; None: whoever asks.
        reader: a token that may only read.
        tags: names of those `commits` that are tags.
        objects: large-file storage: SHA-256 (hex) -> bytes.
        past: the commits of the default branch, newest first.
        requests_open: pull requests: reference -> commit.
        stays_public: tell of a private repository that it is public.
        called: the name that the API tells, where it is another one: the repository was renamed.
        meanwhile: name of a route -> what somebody else does right after it.
        client: the process of a client that may be killed.
    """

    name: str
    commits: dict[str, str]
    content: dict[str, bytes]
    listed: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    at: dict[str, dict[str, bytes]] = field(default_factory=dict)
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    large: int = LARGE
    exists: bool = True
    private: bool = False
    gated: str | bool = False
    token: str | None = None
    reader: str | None = None
    tags: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)
    past: list[str] = field(default_factory=list)
    requests_open: dict[str, str] = field(default_factory=dict)
    stays_public: bool = False
    called: str = ""
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    client: int = 0

    def files(self, revision: str) -> dict[str, bytes]:
        """Return the files of a branch, tag or commit."""
        return self.at.get(self.commits[revision], self.content)

    def entry(self, path: str, revision: str = "main") -> dict[str, Any]:
        """Return a file as the tree lists it."""
        data = self.files(revision)[path]
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": hub_writing.git(data)}
        if len(data) >= self.large:
            digest = self.listed.get(path, hashlib.sha256(data).hexdigest())
            entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        return entry


class _Handler(BaseHTTPRequestHandler):
    repository: Repository
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_PUT(self) -> None:
        """Take a large file, or a setting."""
        self._answer(self._body())

    def do_POST(self) -> None:
        """Answer a question about paths, or write."""
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _refused(self) -> bool:
        """Refuse who may not, and say so."""
        repository, given = self.repository, self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository.token is None or given == repository.token or self.path.startswith("/lfs/"):
            return False
        if given and given != repository.reader:
            self._send(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif given and self.command not in ("GET", "HEAD"):
            self._send(403, b"{}", {"X-Error-Message": f"this token, {given}, may only read"})
        elif not given and (repository.private or self.command not in ("GET", "HEAD")):
            self._send(401, b"{}", {"X-Error-Message": "Invalid username or password."})
        else:
            return False
        return True

    def _answer(self, body: bytes = b"") -> None:
        repository, path = self.repository, unquote(urlsplit(self.path).path)
        repository.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        if not self._refused() and not self._written(path, body):
            self._read(path, body)

    def _written(self, path: str, body: bytes) -> bool:
        """Answer what writes, and say whether it was that."""
        repository = self.repository
        query = parse_qs(urlsplit(self.path).query)
        called = hub_writing.Call(self.command, path, body, f"http://{self.headers.get('Host')}", "create_pr" in query)
        name = hub_writing.route(repository, called)
        if name is None:
            return False
        faults = repository.faults.get(name, [])
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            self._send(fault, b"{}", {"X-Error-Message": "not now"})
            return True
        status, value = (0, None) if fault == "cut" else hub_writing.answer(repository, name, called)
        repository.meanwhile.get(name, int)()
        if fault == "kill":
            os.kill(repository.client, signal.SIGKILL)
        if fault in ("cut", "done", "kill"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            headers = {"Content-Type": "application/json"} | ({"X-Error-Message": str(value)} if status >= 400 else {})
            self._send(status, json.dumps(value).encode(), headers)
        return True

    def _read(self, path: str, body: bytes) -> None:
        repository = self.repository
        api, files = f"/api/datasets/{repository.name}", f"/datasets/{repository.name}/resolve/"
        if not repository.exists:
            self._refuse("RepoNotFound")
        elif path == api:
            self._json(hub_writing.described(repository, "main"))
        elif path.startswith(f"{api}/revision/"):
            self._revision(path.removeprefix(f"{api}/revision/"))
        elif path.startswith(f"{api}/tree/"):
            self._tree(path.removeprefix(f"{api}/tree/"))
        elif path.startswith(f"{api}/paths-info/"):
            self._paths(path.removeprefix(f"{api}/paths-info/"), body)
        elif path.startswith(files):
            self._file(*path.removeprefix(files).split("/", 1))
        else:
            self._refuse("RepoNotFound")

    def _revision(self, revision: str) -> None:
        if revision not in self.repository.commits:
            self._refuse("RevisionNotFound")
        else:
            self._json(hub_writing.described(self.repository, revision))

    def _tree(self, place: str) -> None:
        revision, _, folder = place.partition("/")
        if revision not in self.repository.commits:
            self._refuse("RevisionNotFound")
            return
        deep = parse_qs(urlsplit(self.path).query).get("recursive", [""])[0].lower() == "true"
        paths = [path for path in sorted(self.repository.files(revision)) if path.startswith(f"{folder}/" if folder else "")]
        within = {path: path[len(folder) + 1 if folder else 0 :] for path in paths}
        files = [self.repository.entry(path, revision) for path, rest in within.items() if deep or "/" not in rest]
        names = {path[: len(path) - len(rest)] + rest.split("/", 1)[0] for path, rest in within.items() if "/" in rest}
        self._json([*({"type": "directory", "path": name, "oid": "0" * 40} for name in sorted(names)), *files])

    def _paths(self, revision: str, body: bytes) -> None:
        asked = json.loads(body).get("paths", []) if body.startswith(b"{") else parse_qs(body.decode()).get("paths", [])
        files = self.repository.files(revision)
        folders = [name for name in asked if any(path.startswith(f"{name}/") for path in files)]
        found = [self.repository.entry(name, revision) for name in asked if name in files]
        self._json([*found, *({"type": "directory", "path": name, "oid": "0" * 40} for name in folders)])

    def _file(self, revision: str, path: str) -> None:
        if revision not in self.repository.commits:
            self._refuse("RevisionNotFound")
            return
        if path not in self.repository.files(revision):
            self._refuse("EntryNotFound")
            return
        entry, data = self.repository.entry(path, revision), self.repository.files(revision)[path]
        headers = {
            "X-Repo-Commit": self.repository.commits[revision],
            "ETag": f'"{entry.get("lfs", entry)["oid"]}"',
            "Accept-Ranges": "bytes",
        }
        faults = self.repository.faults.get(path, [])
        fault = faults.pop(0) if faults and self.command == "GET" else None
        if isinstance(fault, int):
            self._send(fault, b"{}", {"X-Error-Message": "not now"})
        elif fault == "cut":
            self._cut(data, headers)
        elif (wanted := self.headers.get("Range")) and fault != "whole":
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{len(data)}"
            self._send(206, _bent(data[int(first) : end + 1], fault), headers)
        else:
            self._send(200, _bent(data, fault), headers)

    def _cut(self, data: bytes, headers: dict[str, str]) -> None:
        """Announce all bytes, send half of them, and end the connection."""
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _bent(data: bytes, fault: str | None) -> bytes:
    if fault == "truncate":
        return data[: len(data) // 2]
    return data[:-1] + bytes([data[-1] ^ 1]) if fault == "flip" else data


@contextmanager
def serving(repository: Repository) -> Iterator[str]:
    """Serve a repository and give the endpoint's address."""
    handler = type("Handler", (_Handler,), {"repository": repository})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(endpoint: str, home: Path) -> dict[str, str]:
    """Return the environment of a client process that knows no Hub but this one."""
    mine = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("HF_")} | mine
