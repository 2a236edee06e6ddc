"""The step of kind `remote` before it has an answer: what a plan may say, and which rows pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scoring import again, read, rows_of

from release.errors import PlanError, StepError
from release.fingerprint import CONVENTIONS
from release.plan import Columns
from release.steps import UNSCREENABLE, kinds
from release.steps.remote import Parameters

KEY = "SHA256:" + "A" * 43
HOLDER = f'kind = "remote"\nholder = "{KEY}"\n'
IMAGES = Columns("image", None, None, {})


def parameters(folder: Path, more: str = "") -> Parameters:
    """Return the parameters of a step."""
    found = read(folder, HOLDER + more).steps[0].parameters
    assert isinstance(found, Parameters)
    return found


def test_defaults_ask_for_everything(tmp_path: Path) -> None:
    """All digests, all conventions, 31 bits; the folder stands in no canonical form."""
    found = parameters(tmp_path, 'folder = "somewhere"\n')
    assert found.types == ("md5", *sorted(f"pdq-{one}" for one in CONVENTIONS), "sha1", "sha256")
    expected = {"holder": KEY, "fingerprints": ["md5", "pdq", "sha1", "sha256"], "conventions": list(CONVENTIONS), "distance": 31}
    assert found.canonical() == expected


def test_an_auditor_reads_the_parameters_again(tmp_path: Path) -> None:
    """From the attestation, with the digests of both statements, and nothing else."""
    digests = f'request = "{"0" * 64}"\nanswer = "{"1" * 64}"\n'
    for more in (digests, digests + 'fingerprints = ["md5"]\n', digests + 'fingerprints = ["pdq"]\nconventions = ["full"]\ndistance = 0\n'):
        found = parameters(tmp_path, more).canonical()
        plan, faults = again("remote", found)
        assert (plan.parameters.canonical(), faults) == (found, [])


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('kind = "remote"\n', "holder"),
        ('kind = "remote"\nholder = "SHA256:short"\n', "a key id"),
        (HOLDER + 'fingerprints = ["photodna"]\n', "one of md5, pdq"),
        (HOLDER + 'fingerprints = ["md5"]\ndistance = 3\n', "without pdq"),
        (HOLDER + 'fingerprints = ["md5"]\nconventions = ["full"]\n', "without pdq"),
        (HOLDER + "distance = 65\n", "from 0 to 64"),
        (HOLDER + 'answer = "XY"\n', "a SHA-256"),
        (HOLDER + 'lists = ["known"]\n', "no lists"),
    ],
)
def test_what_a_plan_cannot_say(tmp_path: Path, step: str, told: str) -> None:
    """Each fault names its key and what may stand there."""
    with pytest.raises(PlanError, match=told):
        read(tmp_path, step)


def test_there_has_to_be_a_column_of_images(tmp_path: Path) -> None:
    """Links have no fingerprints."""
    plan = read(tmp_path, HOLDER).steps[0]
    with pytest.raises(StepError, match="column of images"):
        kinds()["remote"].build(plan, (), Columns(None, None, "url", {}))


def test_rows_without_what_is_asked_about_are_unscreenable(tmp_path: Path) -> None:
    """No image, no digest; and coverage tells how many had it."""
    plan = read(tmp_path, HOLDER + 'fingerprints = ["md5", "sha256"]\n').steps[0]
    step = kinds()["remote"].build(plan, (), IMAGES)
    assert (step.covers, step.needs_pixels, step.decoder, step.conventions) == ("stored", False, "", ())
    found = step.screen(rows_of(text=["a", "b"]), np.ones(2, np.bool_))
    assert (found.status.tolist(), found.reason, found.coverage) == ([UNSCREENABLE] * 2, ["no-image"] * 2, {"md5": 0, "sha256": 0})
