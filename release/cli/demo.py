"""`release demo`: the whole story on bundled benign data."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output

if TYPE_CHECKING:
    from release.demo.story import Scene


@command("demo", examples=("release demo demo", "release demo"))
@click.argument("folder", type=FOLDER, metavar="[DIR]", default=Path("demo"))
def demo(output: Output, folder: Path) -> None:
    """Tell the whole story in DIR: build, audit, publish, verify, tamper, a second version, recall, on about 160 bundled drawings.

    Leaves DIR/institution, DIR/auditor-1, DIR/auditor-2, DIR/trust.json and DIR/published to look around in.
    """
    from release import store
    from release.demo.story import story
    from release.errors import UsageError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the demo needs an empty folder", where=str(folder), found="a folder with something in it", next_step="name another"
        )
    start = time.monotonic()
    store.make_folder(folder)
    for scene in story(folder, datetime.now(UTC).date()):
        _play(scene, output)
    seconds = round(time.monotonic() - start, 1)
    output.result(
        {"folder": str(folder), "published": str(folder / "published"), "trust": str(folder / "trust.json"), "seconds": seconds},
        f"\nThat was the whole story, in {seconds} seconds. Look around in {folder}: "
        f"{folder}/published is the release, and {folder}/published/report.html tells it to a person, in any browser.",
    )


def _play(scene: Scene, output: Output) -> None:
    from release.cli import run
    from release.errors import BuildError

    output.say(f"\n# {scene.words}")
    if scene.prepare:
        scene.prepare()
    if not scene.command:
        return
    output.say(f"$ release {shlex.join(scene.command)}")
    code = run([*scene.command, "--format", "human" if output.format == "human" else "quiet"])
    if code != scene.code:
        raise BuildError(
            "the demo did not go as it should",
            where=f"release {scene.command[0]}",
            expected=f"exit code {scene.code}",
            found=f"exit code {code}",
            next_step="run the command above by itself to see why",
            code="demo",
        )
