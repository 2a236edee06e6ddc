"""`release trust`: show a trust file, and add auditors to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from release.cli._command import FOLDER, CommandGroup, command, signs
from release.cli._output import Output

trust = CommandGroup("trust", summary="Make and change trust files.", examples=("release trust add-auditor trust.json auditor.json",))


@command("add-auditor", examples=("release trust add-auditor trust.json auditor.json --tier matches",))
@click.argument("file", type=FOLDER, metavar="TRUST")
@click.argument("card", type=FOLDER, metavar="CARD")
@click.option(
    "--tier", type=click.Choice(["rows", "matches"]), default="rows", show_default=True, help="Evidence that the auditor may open."
)
def add_auditor(output: Output, file: Path, card: Path, tier: Literal["rows", "matches"]) -> None:
    """Name the auditor of CARD in TRUST.

    A trust file by which nobody can verify yet is completed in place; a complete one gets its next version, which names the one before.
    """
    from release import store, trustfile

    new = trustfile.read_card(store.read_file(card, trustfile.CARD_LIMIT), str(card))
    changed = trustfile.with_auditor(trustfile.read(file), new, tier)
    trustfile.write(file, changed)
    missing = trustfile.missing(changed)
    for fault in missing:
        output.warn(f"nobody can verify by this file yet: {fault}")
    output.result(
        {"trust": str(file), "version": changed.version, "digest": changed.digest, "auditors": len(changed.auditors), "missing": missing},
        f"{new.organisation} is auditor {len(changed.auditors)} of {file} (version {changed.version}, sha256 {changed.digest}).",
    )


@command("page", examples=("release trust page trust.json verify.html", "release trust page trust.json --none"))
@click.argument("file", type=FOLDER, metavar="TRUST")
@click.argument("page", type=FOLDER, metavar="[PAGE]", required=False)
@click.option("--none", "nothing", is_flag=True, help="Name no page any more.")
def page(output: Output, file: Path, page: Path | None, nothing: bool) -> None:
    """Name in TRUST the page that verifies in a browser, by the SHA-256 of PAGE, so that readers can compare theirs.

    `release page` writes that page. Like every change, this makes the next version of a file by which readers can verify already.
    """
    from hashlib import sha256

    from release import store, trustfile, verifypage
    from release.errors import UsageError

    if (page is None) is not nothing:
        raise UsageError("give the page, or --none", expected="one of the two")
    digest = "" if page is None else sha256(store.read_file(page, verifypage.LIMIT)).hexdigest()
    before = trustfile.read(file)
    changed = trustfile.with_page(before, digest)
    if changed != before:
        trustfile.write(file, changed)
    named = f"names the page with sha256 {digest}" if digest else "names no page that verifies"
    output.result(
        {"trust": str(file), "version": changed.version, "digest": changed.digest, "verifyPage": digest},
        f"{file} (version {changed.version}, sha256 {changed.digest}) {named}.",
    )


@command("show", examples=("release trust show trust.json",))
@click.argument("file", type=FOLDER, metavar="TRUST")
def show(output: Output, file: Path) -> None:
    """Show whom a trust file names, its digest, and what it still lacks."""
    from release import trustfile

    read = trustfile.read(file)
    missing = trustfile.missing(read)
    lines = [
        f"{read.name}, version {read.version}, sha256 {read.digest}, expires {read.expires}",
        *(f"auditor {one.organisation} ({one.key}), tier {one.tier}" for one in read.auditors),
        f"policy: {read.policy.opinions} opinions, {read.policy.matches} of them with tier matches, quorum {read.policy.quorum}",
        *([f"page that verifies: sha256 {read.verify_page}"] if read.verify_page else []),
        *(f"lacks: {fault}" for fault in missing),
    ]
    auditors = [{"organisation": one.organisation, "key": one.key, "tier": one.tier} for one in read.auditors]
    facts = {"name": read.name, "version": read.version, "digest": read.digest, "auditors": auditors, "verifyPage": read.verify_page}
    output.result({**facts, "missing": missing}, "\n".join(lines))


@command("supersede", examples=("release trust supersede trust-v1.json trust.json --key keys/root.pem --out superseded.sigstore.json",))
@click.argument("pinned", type=FOLDER, metavar="PINNED")
@click.argument("new", type=FOLDER, metavar="NEW")
@click.option(
    "--key", type=FOLDER, required=True, help="A root key of PINNED; each root key of the threshold signs a statement of its own."
)
@click.option("--out", type=FOLDER, required=True, help="The file to log; it is not there yet.")
@signs
def supersede(output: Output, pinned: Path, new: Path, key: Path, out: Path) -> None:
    """Sign the announcement that NEW follows PINNED, the trust file that readers have.

    Log it with `release record DIR FILE --trust PINNED --to PUBLISHED`. Once the threshold of root keys is in the log, a reader who has
    pinned the old file gets the verdict `incomplete` until the new one is pinned.
    """
    from release import notices, signers, store, trustfile
    from release.cli.withdraw import check_new

    check_new(out)
    old, following = trustfile.read(pinned), trustfile.read(new)
    store.write_file(out, notices.trust_superseded(old, following, signers.load(key), datetime.now(UTC)))
    threshold = old.root.threshold
    output.result(
        {"statement": str(out), "version": following.version, "digest": following.digest, "threshold": threshold},
        f"Wrote {out}: version {following.version}, sha256 {following.digest}. It takes {threshold} root key{'s' * (threshold > 1)}.\n"
        f"Next: `release record DIR {out} --trust {pinned} --to PUBLISHED`, and hand out {new}.",
    )


trust.add_command(add_auditor)
trust.add_command(page)
trust.add_command(supersede)
trust.add_command(show)
