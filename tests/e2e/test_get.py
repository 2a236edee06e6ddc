"""Fetching releases from a Hub that fails and lies: nothing false is accepted, nothing half-written stays, every retry ends well."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from hub_lies import LIES
from hub_server import environment
from made import Made, Maker, withdrawn
from on_hub import FIRST, NAME, SECOND, SHARD, Hub, files_of, release_more

from release.consume.address import Address, parse
from release.errors import UsageError


def test_a_release_is_fetched_verified_and_then_visible(hub: Hub, first: Made) -> None:
    """The folder is byte for byte the repository's, nothing else lies beside it, and the log is remembered."""
    assert hub.get()["verdict"] == "verified"
    assert {path.relative_to(hub.out).as_posix() for path in hub.out.rglob("*") if path.is_file()} == {*files_of(first)} - {
        ".gitattributes"
    }
    assert hub.left() == ["street-scenes"]
    assert (hub.home / "pinned.seen.json").exists()
    found = hub.run("verify", f"hub:{NAME}", "--trust", str(hub.trust))
    assert found["verdict"] == "verified"
    assert any("rows hash to the release root" in fact["text"] for fact in found["facts"])


def test_a_second_run_updates_and_says_what_changed(hub: Hub, first: Made, make: Maker) -> None:
    """Rows added and withdrawn are counted, what is there already is not fetched again, an old version keeps the newest log."""
    hub.get()
    hub.repository.requests.clear()
    assert hub.get()["changes"] | {"log": None} == {
        "before": "1.0.0",
        "after": "1.0.0",
        "added": 0,
        "gone": 0,
        "lists": [],
        "auditors": [],
        "log": None,
    }
    assert not [request for request in hub.repository.requests if SHARD in request]
    release_more(hub, first, make)
    changes = hub.get()["changes"]
    assert (changes["before"], changes["after"], changes["added"], changes["gone"]) == ("1.0.0", "1.1.0", 3, 2)
    assert hub.left() == ["street-scenes"]
    hub.out = hub.out.with_name("old")
    assert hub.get(version="@1.0.0")["version"] == "1.0.0"
    newest = hub.repository.at[SECOND]
    assert (hub.out / "log" / "checkpoint").read_bytes() == newest["log/checkpoint"]


def test_a_withdrawn_release_is_not_fetched_unless_asked_for(hub: Hub, first: Made) -> None:
    """It says so and exits 4 before any data comes; the reason stands in words."""
    withdrawn(first)
    hub.repository.at[SECOND] = files_of(first)
    hub.repository.commits |= {"main": SECOND, SECOND: SECOND}
    assert hub.get(code=4)["verdict"] == "withdrawn"
    assert hub.get(version="@1.0.0", code=4)["folder"] is None  # the tag's own log knows nothing of it
    assert not [request for request in hub.repository.requests if SHARD in request]
    assert hub.left() == []
    assert hub.get("--allow-withdrawn")["folder"] == str(hub.out)
    assert hub.run("verify", f"hub:{NAME}", "--trust", str(hub.trust), code=4)["verdict"] == "withdrawn"


def test_a_release_that_its_record_refuses_is_a_page_without_its_data(hub: Hub, first: Made) -> None:
    """What is stale is not fetched; the page says so, claims nothing of files, and says what to do."""
    first.world.cosigners = dict.fromkeys(first.world.cosigners, 1_700_000_000)
    first.world.write_log()
    first.world.write_to(first.folder)
    hub.repository.at[FIRST] = files_of(first)
    page = hub.home / "page.html"
    found = hub.run("verify", f"hub:{NAME}", "--trust", str(hub.trust), "--report", str(page), code=3)
    assert found["verdict"] == "stale"
    text = page.read_text(encoding="utf-8")
    assert "they were not fetched" in text
    assert "byte for byte" not in text
    assert "What to do next." in text
    assert not [request for request in hub.repository.requests if SHARD in request]


def test_loading_from_the_hub_gives_verified_rows(hub: Hub) -> None:
    """`release.load("hub:...")` fetches into a cache of its own and loads from there."""
    text = f"import release; print(len(release.load('hub:{NAME}', trust={str(hub.trust)!r}, cache_dir={str(hub.home / 'rows')!r})))"
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(hub.endpoint, hub.home / "hf"),
    )
    assert done.stdout.strip() == "20", done.stderr
    assert (hub.home / "rows" / "hub" / "example--street-scenes").is_dir()


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_hub_is_never_accepted(hub: Hub, first: Made, make: Maker, lie: str) -> None:
    """Each lie is told by its code, what was there stays as it was, and nothing new is visible."""
    tell, version, code = LIES[lie]
    tell(hub, first, make)
    before = {path: path.read_bytes() for path in hub.out.rglob("*") if path.is_file()}
    found = hub.get(version=version, code=5 if code == "no-candidate" else 1)
    codes = [failure["code"] for failure in found["failures"]] if "failures" in found else [found["error"]["code"]]
    assert code in codes
    assert {path: path.read_bytes() for path in hub.out.rglob("*") if path.is_file()} == before
    assert not (hub.home / "evil").exists()
    hidden = [".street-scenes.getting"] if code.startswith("file-") and not before else []  # the next run goes on with it
    assert hub.left() == [*hidden, *(["street-scenes"] if before else [])]


@pytest.mark.parametrize("faults", [[500], [429], [412], ["cut"], ["truncate"], ["flip"], ["cut", 500, "flip"]])
def test_every_retry_ends_well(hub: Hub, faults: Sequence[int | str]) -> None:
    """Whatever went wrong on the way, running again ends with a verified release, and nothing is seen before that."""
    hub.repository.faults[SHARD] = list(faults)
    for _ in range(len(faults) + 2):
        if (hub.out / "release.json").exists():
            break
        assert hub.left() in ([], [".street-scenes.getting"])
        done = hub.call("get", f"hub:{NAME}", "--out", str(hub.out), "--trust", str(hub.trust))
        assert done.code in (0, 1)
        assert done.code == 0 or ("release: " in done.err and "this is a bug" not in done.err)
    assert hub.left() == ["street-scenes"]
    assert hub.run("verify", str(hub.out), "--trust", str(hub.trust))["verdict"] == "verified"


def test_what_is_not_ours_is_never_replaced(hub: Hub) -> None:
    """A folder of another kind, and a file of the reader's own in a release."""
    hub.out.mkdir()
    (hub.out / "notes.txt").write_text("mine")
    assert hub.get(code=2)["error"]["code"] == "usage"
    (hub.out / "notes.txt").unlink()
    hub.out.rmdir()
    hub.get()
    (hub.out / "data" / "notes.txt").write_text("mine")
    assert "notes.txt" in hub.get(code=2)["error"]["where"]
    assert (hub.out / "data" / "notes.txt").read_text() == "mine"


def test_a_damaged_copy_is_mended(hub: Hub) -> None:
    """A second run fetches what is not the manifest's."""
    hub.get()
    data = bytearray((hub.out / SHARD).read_bytes())
    data[100] ^= 1
    (hub.out / SHARD).write_bytes(bytes(data))
    assert hub.get()["verdict"] == "verified"
    assert (hub.out / SHARD).read_bytes() == hub.repository.at[FIRST][SHARD]


def test_first_contact_is_said_and_pinned(hub: Hub) -> None:
    """Without a trust file one says so in full words; the file is then pinned beside the release."""
    words = ["get", f"hub:{NAME}", "--out", str(hub.out)]
    assert hub.run(*words, code=2)["error"]["code"] == "usage"
    hub.run(*words, "--trust-on-first-use")
    assert hub.left() == ["street-scenes", "street-scenes.trust.json", "street-scenes.trust.seen.json"]


def test_a_version_or_repository_that_is_not_there_is_one_sentence(hub: Hub) -> None:
    """No such tag, no such repository."""
    assert hub.get(version="@9.9.9", code=1)["error"]["code"] == "hub"
    assert hub.run("get", "hub:example/none", "--out", str(hub.out), "--trust", str(hub.trust), code=1)["error"]["code"] == "hub"
    assert [name for name in hub.left() if not name.startswith(".")] == []


def test_an_address_names_owner_name_and_version() -> None:
    """Anything else is a wrong call."""
    assert parse("hub:a/b") == Address("a/b", None)
    assert parse("hub:a/b@1.2.3").folder_name == "a--b@1.2.3"
    for text in ("hub:", "hub:a", "hub:a/b@main", "hub:../x", "hub:a/b/c", "a/b"):
        with pytest.raises(UsageError):
            parse(text)
