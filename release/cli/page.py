"""`release page`: write the page that verifies in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output


@command("page", examples=("release page --out verify.html", "release page --format json"))
@click.option(
    "--out", type=FOLDER, help="Where to write it; it is not there yet, and lies in no release.  [default: only tell its SHA-256]"
)
def page(output: Output, out: Path | None) -> None:
    """Write the page that verifies a release in a browser, and tell its SHA-256.

    Whoever opens it needs a trust file and the folder of a release, or its address; nothing leaves the machine. Give readers the SHA-256 on another
    way than the page, or name it in the trust file with `release trust page`. A page that comes with the release it checks proves nothing.
    """
    from release import store, verifypage
    from release.errors import UsageError

    digest = verifypage.page_digest()
    if out is not None:
        if out.exists() or out.is_symlink():
            raise UsageError("the file is there already", where=str(out), expected="a name that is not taken")
        if any((folder / "release.json").exists() for folder in out.resolve().parents):
            raise UsageError("the page would lie in a release", where=str(out), expected="a place outside of what it is to check")
        store.write_file(out, verifypage.page())
    told = f"The page in this package has sha256 {digest}." if out is None else f"Wrote {out}: sha256 {digest}."
    output.result({"page": None if out is None else str(out), "sha256": digest}, told)
