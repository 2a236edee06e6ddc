"""A Hub on the loopback interface for one release, which hands files to the kernel (sendfile): it should cost as little as it can.

Usage: python -m bench.get.serving DIR NAME        prints its endpoint, and serves until its standard input ends
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "1" * 40
LARGE = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """Answers what `huggingface_hub` asks when it reads a dataset at a commit."""

    protocol_version = "HTTP/1.1"
    folder: Path
    name: str
    entries: dict[str, dict[str, Any]]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        api, files = f"/api/datasets/{self.name}", f"/datasets/{self.name}/resolve/"
        if path.startswith(f"{api}/tree/"):
            self._json(list(self.entries.values()))
        elif path.startswith(api):
            siblings = [{"rfilename": name} for name in self.entries]
            self._json({"id": self.name, "sha": COMMIT, "siblings": siblings})
        elif path.startswith(files):
            self._file(path.removeprefix(files).split("/", 1)[1])

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, path: str) -> None:
        entry = self.entries[path]
        start, end = 0, entry["size"]
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or end - 1) + 1, end)
        self.send_response(206 if wanted else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{entry.get("lfs", entry)["oid"]}"')
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{entry['size']}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.flush()
            with (self.folder / path).open("rb") as file:
                while start < end:
                    start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)


def entry(folder: Path, path: Path) -> dict[str, Any]:
    """Return a file as the tree lists it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    found: dict[str, Any] = {"type": "file", "path": path.relative_to(folder).as_posix(), "size": size, "oid": digest[:40]}
    return found | ({"lfs": {"oid": digest, "size": size, "pointerSize": 134}} if size >= LARGE else {})


def main() -> None:
    """Serve until nobody is left."""
    folder = Path(sys.argv[1])
    entries = [entry(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()]
    told = {"folder": folder, "name": sys.argv[2], "entries": {one["path"]: one for one in entries}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), told))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
