"""Whole builds with steps that judge by scores, and with caps: what is attested, what the manifest says, what an auditor does again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from links import EXACT, attested, audit, manifest, project, texts, write_plan, write_source
from project import KNOWN_LINK, Project, in_process, row
from scoring import install_example

UNSAFE = '[[step]]\nname = "unsafe"\nkind = "classifier"\ncolumn = "punsafe"\nthreshold = 0.8\n'
APART = '[[step]]\nname = "apart"\nkind = "separate"\nkeep = "adults"\nminor = { column = "minor", threshold = 0.5 }\nadult = { column = "punsafe", threshold = 0.5 }\n'


@pytest.fixture
def scored(tmp_path: Path) -> Project:
    """Return a project of 200 rows whose scores rise from 0 to 1, of which every tenth shows a minor; one link is listed."""
    n = 200
    urls = [f"https://pictures.example.org/all/{i}" for i in range(n)]
    urls[5] = row(KNOWN_LINK).url
    columns = {"url": urls, "punsafe": pa.array(np.arange(n) / n, pa.float32()), "minor": [i % 10 == 0 for i in range(n)]}
    return project(tmp_path / "project", columns, EXACT + UNSAFE + APART)


def test_scores_decide_and_everything_says_so(scored: Project, tmp_path: Path) -> None:
    """Counts, attested parameters, the manifest's side and the card agree; an auditor screens the published rows again."""
    out = tmp_path / "candidate"
    answer = scored.build_here(out, "--format", "json")
    assert answer.code == 0, answer.text
    rows = json.loads(answer.out)["rows"]
    kept = [i for i in range(200) if i != 5 and i < 160 and i % 10]
    assert rows == {"in": 200, "kept": len(kept), "removed": {"known-files": 1, "unsafe": 40, "apart": 16}, "unscreenable": {}}
    assert texts(out) == [f"view {i}" for i in kept]
    listed, unsafe, apart = attested(out)
    assert (listed["parameters"]["tracking"][0], unsafe["covers"], unsafe["selfTest"]["planted"]) == ("fbclid", "declared", 0)
    assert unsafe["parameters"] == {"column": "punsafe", "threshold": "0.8", "direction": "above"}
    assert (unsafe["coverage"], apart["coverage"]) == ({"score": 199}, {"minor": 159, "adult": 159})
    assert manifest(out)["separation"] == "adults"
    card = (out / "README.md").read_text()
    assert "Separation of depictions of minors from adult sexual content" in card
    audited, claims = audit(scored, out)
    assert audited.code == 0, audited.text
    assert claims["filters"]["result"] == "confirmed"
    assert "steps 2, 3 keep all" in claims["filters"]["detail"]


def test_an_institution_that_let_a_score_through_is_found_out(scored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that were attested and not applied refute the claim: the auditor's own screening of a published row differs."""
    monkeypatch.setattr("release.steps.signals.Signal.speaks", lambda _, scores: np.zeros(len(scores.values), np.bool_))
    out = tmp_path / "candidate"
    write_plan(scored, EXACT + UNSAFE, shard_rows=1024)
    screen = __import__("release.screen", fromlist=["Screening"])
    monkeypatch.setattr("release.build.LocalEngine", _here(screen))
    assert scored.build_here(out).code == 0
    monkeypatch.undo()
    audited, claims = audit(scored, out)
    assert claims["filters"]["result"] == "refuted", audited.text
    assert claims["filters"]["detail"] == "step 2 would not keep 40 published rows"


def _here(screen: object) -> type:
    """Return an engine that screens in this process, where a test can bend it."""

    class Here:
        def __init__(self, _: int) -> None:
            pass

        def run(self, job: object, units: object, tick: object) -> object:
            with screen.Screening(job) as screening:  # type: ignore[attr-defined]
                for unit in units:  # type: ignore[attr-defined]
                    yield screening.run(unit, tick)

    return Here


def test_a_column_that_is_not_there_stops_a_build_before_a_row_is_read(scored: Project, tmp_path: Path) -> None:
    """The error names step and column, and nothing is left."""
    write_source(scored, {"punsafe": ["high"] * 10, "minor": [True] * 10})
    answer = scored.build_here(tmp_path / "candidate")
    assert answer.code == 1
    assert "cannot use the column 'punsafe'" in answer.err
    assert not (tmp_path / ".candidate.building").exists()


def test_two_separating_steps_must_agree(scored: Project, tmp_path: Path) -> None:
    """No manifest could say in one word what two sides let stay."""
    write_plan(scored, APART + APART.replace('"apart"', '"again"').replace('"adults"', '"none"'))
    answer = scored.build_here(tmp_path / "candidate")
    assert (answer.code, "step-sides" in answer.err) == (1, True)


def test_what_an_auditor_cannot_do_again_is_not_checkable(scored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that the auditor has not installed leaves the claim open and says why; the other step is still done again."""
    install_example(tmp_path / "site")
    options = '{ endpoint = "http://127.0.0.1:9/", seconds = 1, attempts = 1 }'
    named = f'name = "remote", version = "1.0.0", license = "Apache-2.0", columns = ["caption"], options = {options}'
    write_plan(scored, EXACT + UNSAFE + f'[[step]]\nname = "asked"\nkind = "classifier"\nthreshold = 2\nplugin = {{ {named} }}\n')
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr("release.build.LocalEngine", _here(__import__("release.screen", fromlist=["Screening"])))
    import remote_classifier

    monkeypatch.setattr(remote_classifier.Asking, "score", lambda _, columns: [1.0] * columns.num_rows)
    out = tmp_path / "candidate"
    answer = scored.build_here(out)
    assert answer.code == 0, answer.text
    monkeypatch.undo()
    _, claims = audit(scored, out)
    assert claims["filters"]["result"] == "not-checkable"
    assert "steps 2 keep all" in claims["filters"]["detail"]
    assert "step 3: there is no such classifier" in claims["filters"]["detail"]


@pytest.mark.parametrize(
    ("cap", "where"), [("cap = 39", "step unsafe"), ("list_caps = { known-urls = 0 }", "step known-files, list known-urls")]
)
def test_above_a_cap_nothing_is_signed_until_somebody_gives_a_reason(scored: Project, tmp_path: Path, cap: str, where: str) -> None:
    """The error names step and list; the same command with a reason goes on from what was screened, and signs the reason."""
    first, second = (EXACT + cap + "\n", UNSAFE) if "known" in where else (EXACT, UNSAFE + cap + "\n")
    write_plan(scored, first + second)
    out = tmp_path / "candidate"
    answer = scored.build_here(out)
    assert (answer.code, out.exists()) == (1, False)
    assert f"{where}: " in answer.err or where in answer.err
    assert "[cap]" in answer.err
    name = where.removeprefix("step ").partition(",")[0]
    answer = scored.build_here(out, "--override", f"{name}=the list was looked into, and holds")
    assert answer.code == 0, answer.text
    said = {step["step"]["name"]: step["override"] for step in attested(out)}
    assert said.pop(name) == "the list was looked into, and holds"
    assert set(said.values()) == {""}
    assert "the list was looked into, and holds" in (out / "README.md").read_text()


def test_an_override_that_was_not_needed_is_not_signed(scored: Project, tmp_path: Path) -> None:
    """A reason stands in an attestation only where a cap was broken."""
    write_plan(scored, EXACT + UNSAFE + "cap = 40\n")
    out = tmp_path / "candidate"
    assert scored.build_here(out, "--override", "unsafe=just in case").code == 0
    assert [step["override"] for step in attested(out)] == ["", ""]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("known-files=why", "no step with a cap"),
        ("unsafe=", "needs a reason"),
        ("unsafe=two\nlines", "needs a reason"),
        ("unsafe", "STEP=REASON"),
    ],
)
def test_an_override_without_a_cap_or_a_reason_is_refused(scored: Project, tmp_path: Path, override: str, told: str) -> None:
    """It is no switch."""
    write_plan(scored, EXACT + UNSAFE + "cap = 0\n")
    answer = in_process("build", scored.plan, "--out", tmp_path / "candidate", "--override", override)
    assert answer.code != 0
    assert told in answer.text


def test_a_claim_is_made_only_where_there_is_something_to_do_again(scored: Project, tmp_path: Path) -> None:
    """A release whose steps all have lists has no such claim."""
    write_plan(scored, EXACT)
    assert scored.build_here(tmp_path / "candidate").code == 0
    _, claims = audit(scored, tmp_path / "candidate")
    assert "filters" not in claims
