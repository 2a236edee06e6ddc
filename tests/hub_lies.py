"""What a Hub can lie about: each lie by its name, how it is told, which version is asked for, and the code that `release get` gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from made import Made, Maker
from on_hub import FIRST, SECOND, SHARD, Hub, files_of, release_more


def _old(hub: Hub, first: Made, make: Maker) -> None:
    release_more(hub, first, make)
    hub.get()
    hub.repository.commits["main"] = FIRST


def _tag(hub: Hub, first: Made, make: Maker) -> None:
    release_more(hub, first, make)
    hub.repository.commits["v1.0.0"] = SECOND


def _fork(hub: Hub, first: Made, make: Maker) -> None:
    hub.get()
    world = first.world
    world.entries, world.cosigners = [], dict(world.cosigners)
    world.supersede(previous="0" * 64)
    world.write_statements()
    world.finish()
    files = files_of(first)
    hub.repository.at[SECOND] = {path: data for path, data in files.items() if not path.startswith("log/")} | {
        path: data for path, data in world.files.items() if not path.startswith("data/")
    }
    hub.repository.commits |= {"main": SECOND, SECOND: SECOND}
    assert make


def _files(change: Callable[[dict[str, bytes]], Any]) -> Callable[[Hub, Made, Maker], None]:
    def lie(hub: Hub, _: Made, __: Maker) -> None:
        change(hub.repository.at[FIRST])

    return lie


LIES: dict[str, tuple[Callable[[Hub, Made, Maker], Any], str, str]] = {
    "an old commit served as new": (_old, "", "log-rollback"),
    "a tag that leads elsewhere": (_tag, "@1.0.0", "manifest-version"),
    "another history": (_fork, "", "log-fork"),
    "a missing shard": (_files(lambda files: files.pop(SHARD)), "", "folder-missing"),
    "an extra shard": (_files(lambda files: files.update({"data/extra.parquet": b"x"})), "", "folder-extra"),
    "an extra script": (_files(lambda files: files.update({"loader.py": b"x"})), "", "folder-extra"),
    "a truncated file": (_files(lambda files: files.update({SHARD: files[SHARD][:-9]})), "", "file-size"),
    "a flipped bit": (_files(lambda files: files.update({SHARD: files[SHARD][:-1] + b"!"})), "", "file-digest"),
    "another card": (
        _files(lambda files: files.update({"README.md": files["README.md"].replace(b"Street", b"street")})),
        "",
        "file-digest",
    ),
    "another manifest": (
        _files(lambda files: files.update({"release.json": files["release.json"].replace(b"cc-by", b"cc-bz")})),
        "",
        "no-candidate",
    ),
    "another checkpoint": (_files(lambda files: files.update({"log/checkpoint": b"x"})), "", "checkpoint-form"),
    "a path that leaves the folder": (_files(lambda files: files.update({"../../evil": b"x"})), "", "folder-name"),
    "no release": (_files(lambda files: files.clear()), "", "folder-missing"),
}
