"""Steps that judge by scores: thresholds, what no score may pass for, plug-ins, models, and the side of a separation."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scoring import again, install_example, linear_model, opened, read, rows_of

from release.errors import PlanError, StepError
from release.plan import Columns
from release.steps import KEPT, REMOVED, UNSCREENABLE, Looks, Rows, Step, plugins

COLUMN = 'kind = "classifier"\ncolumn = "score"\nthreshold = 0.7\n'
PLUGIN = 'kind = "classifier"\nthreshold = 0.5\nplugin = { name = "words", version = "1", license = "MIT", columns = ["text"] }\n'
SEPARATE = 'kind = "separate"\nkeep = "%s"\nminor = { column = "minor", threshold = 0.6, uncertain = 0.3 }\nadult = { column = "adult", threshold = 0.5 }\n'


def verdicts(step: Step, rows: Rows) -> tuple[list[int], list[str]]:
    """Return status and reason of every row."""
    found = step.screen(rows, np.ones(rows.n, np.bool_))
    return found.status.tolist(), found.reason


def test_a_score_at_the_threshold_removes_its_row(tmp_path: Path) -> None:
    """Above and at the threshold goes, below stays; null, NaN and infinity are unscreenable and never a low score."""
    step = opened(tmp_path, COLUMN)
    rows = rows_of(score=[0.9, 0.7, 0.69, None, float("nan"), float("inf"), float("-inf")])
    status, reason = verdicts(step, rows)
    assert status == [REMOVED, REMOVED, KEPT, *[UNSCREENABLE] * 4]
    assert reason[3:] == ["no-score", "bad-score", "bad-score", "bad-score"]
    assert step.screen(rows, np.ones(7, np.bool_)).coverage == {"score": 3}
    assert step.covers == "declared"


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_threshold_is_compared_in_the_precision_of_the_column(tmp_path: Path, kind: pa.DataType) -> None:
    """0.7 is not 0.7 in every precision; a score that was written as 0.7 is at a threshold of 0.7 in all of them."""
    values = pa.array(np.array([0.7, 0.6], kind.to_pandas_dtype()), kind)
    assert verdicts(opened(tmp_path, COLUMN), rows_of(score=values))[0] == [REMOVED, KEPT]


def test_flags_and_whole_numbers_are_scores(tmp_path: Path) -> None:
    """True is 1 and false is 0; a direction below takes low scores."""
    assert verdicts(opened(tmp_path, COLUMN), rows_of(score=[True, False, None]))[0] == [REMOVED, KEPT, UNSCREENABLE]
    low = opened(tmp_path, 'kind = "classifier"\ncolumn = "score"\nthreshold = 3\ndirection = "below"\n')
    assert verdicts(low, rows_of(score=[2, 3, 4]))[0] == [REMOVED, REMOVED, KEPT]


@pytest.mark.parametrize("column", [["a"], [b"a"], [[0.5]]])
def test_a_column_without_numbers_stops_the_build(tmp_path: Path, column: list[object]) -> None:
    """Text, bytes and lists are no scores, and a column that is not there is none; both are seen before the first row."""
    step = opened(tmp_path, COLUMN)
    assert isinstance(step, Looks)
    with pytest.raises(StepError, match="cannot use the column 'score'"):
        step.check(rows_of(score=column).batch.schema)
    with pytest.raises(StepError, match="no column 'score'"):
        step.self_test(rows_of(other=[1.0]))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('kind = "classifier"\ncolumn = "s"\n', "threshold"),
        ('kind = "classifier"\nthreshold = 1\n', "one of column, plugin, model"),
        ('kind = "classifier"\ncolumn = "s"\nthreshold = nan\n', "a number such as 0.5"),
        ('kind = "classifier"\ncolumn = "s"\nthreshold = true\n', "a number such as 0.5"),
        ('kind = "classifier"\ncolumn = "s"\nthreshold = "x"\n', "a number such as 0.5"),
        ('kind = "classifier"\ncolumn = "s"\nthreshold = 1\nuncertain = 0.5\n', "an unknown key"),
        ('kind = "classifier"\ncolumn = "s"\nthreshold = 1\nlists = ["a"]\n', "no lists"),
        (PLUGIN.replace('["text"]', "[]"), "at least one"),
        (PLUGIN.replace('columns = ["text"]', "options = { a = 0.5 }"), "a text, a whole number"),
        ('kind = "classifier"\nthreshold = 1\nmodel = { sha256 = "AB", license = "MIT", column = "v" }\n', "a SHA-256"),
        ('kind = "separate"\nminor = { column = "m", threshold = 1 }\n', "adult"),
        ('kind = "separate"\nminor = { column = "m", threshold = 1 }\nadult = { column = "m", threshold = 1 }\n', "another signal"),
        ((SEPARATE % "none").replace("0.3", "0.6"), "below the threshold"),
        (SEPARATE % "both", "one of none, minors, adults"),
    ],
)
def test_what_a_plan_cannot_say_of_scores(tmp_path: Path, step: str, told: str) -> None:
    """Each fault names its key and what may stand there."""
    with pytest.raises(PlanError, match=told):
        read(tmp_path, step)


def test_numbers_have_one_canonical_form(tmp_path: Path) -> None:
    """However a threshold is written, the plan's digest is the same, and an auditor reads the canonical form back."""
    forms = [read(tmp_path, COLUMN.replace("0.7", text)) for text in ("0.7", "0.70", '"0.7"', "7e-1")]
    assert len({plan.digest for plan in forms}) == 1
    parameters = forms[0].steps[0].parameters.canonical()
    assert parameters == {"column": "score", "threshold": "0.7", "direction": "above"}
    planned, faults = again("classifier", parameters)
    assert (faults, planned.parameters.canonical()) == ([], parameters)


@pytest.mark.parametrize("keep", ["none", "minors", "adults"])
def test_rows_with_both_signals_always_go_and_rows_with_neither_stay(tmp_path: Path, keep: str) -> None:
    """Only rows with one signal depend on the side; doubt counts as the signal."""
    step = opened(tmp_path, SEPARATE % keep)
    rows = rows_of(minor=[0.9, 0.1, 0.9, 0.1, 0.4, 0.4], adult=[0.9, 0.1, 0.1, 0.9, 0.9, 0.1])
    singles = {"none": [REMOVED, REMOVED, REMOVED], "minors": [KEPT, REMOVED, KEPT], "adults": [REMOVED, KEPT, REMOVED]}[keep]
    minor_alone, adult_alone, doubtful_minor = singles
    assert verdicts(step, rows)[0] == [REMOVED, KEPT, minor_alone, adult_alone, REMOVED, doubtful_minor]
    planned, faults = again("separate", step.parameters.canonical())
    assert (faults, planned.parameters.canonical()) == ([], step.parameters.canonical())


def test_a_row_without_one_of_its_scores_never_stays(tmp_path: Path) -> None:
    """What is missing might have been the other signal."""
    status, reason = verdicts(opened(tmp_path, SEPARATE % "minors"), rows_of(minor=[0.9, None, None], adult=[None, 0.1, 0.9]))
    assert status == [UNSCREENABLE, UNSCREENABLE, REMOVED]
    assert reason == ["no-score", "no-score", ""]


class Words:
    """A classifier that counts words."""

    version, license = "1", "MIT"

    def __init__(self, answers: object = None) -> None:
        self.answers, self.seen = answers, []

    def open(self, options: object) -> Words:  # noqa: ARG002  (the protocol's)
        """Return itself."""
        return self

    def score(self, columns: pa.RecordBatch) -> object:
        """Return what it was told to, or the number of words over ten."""
        self.seen += columns.column("text").to_pylist()
        return [len(text.split()) / 10 for text in self.seen] if self.answers is None else self.answers


def plug_in(monkeypatch: pytest.MonkeyPatch, *factories: Words) -> None:
    """Install classifiers under the name `words`."""
    entries = [SimpleNamespace(name="words", load=lambda one=one: one) for one in factories]
    monkeypatch.setattr(plugins, "entry_points", lambda **_: entries)


def test_a_plug_in_is_given_only_the_rows_that_are_still_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier step took is told to nobody."""
    words = Words()
    plug_in(monkeypatch, words)
    rows = rows_of(text=["taken already", "a b c d e f", "a"])
    found = opened(tmp_path, PLUGIN).screen(rows, np.array([False, True, True]))
    assert words.seen == ["a b c d e f", "a"]
    assert found.status[1:].tolist() == [REMOVED, KEPT]
    assert found.coverage == {"score": 2}


def test_a_row_that_a_plug_in_did_not_answer_is_unscreenable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None and NaN are no scores."""
    plug_in(monkeypatch, Words([0.1, None, float("nan"), np.float32(0.9)]))
    assert verdicts(opened(tmp_path, PLUGIN), rows_of(text=["a", "b", "c", "d"])) == (
        [KEPT, UNSCREENABLE, UNSCREENABLE, REMOVED],
        ["", "no-answer", "bad-score", ""],
    )


@pytest.mark.parametrize("answers", [[0.1], [0.1, 0.2, 0.3], ["high", 0.1], [True, 0.1]])
def test_answers_that_do_not_fit_stop_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[object]) -> None:
    """Too few, too many, or something else than numbers."""
    plug_in(monkeypatch, Words(answers))
    with pytest.raises(StepError, match="do not fit its rows"):
        verdicts(opened(tmp_path, PLUGIN), rows_of(text=["a", "b"]))


def test_another_plug_in_than_the_plans_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, two of one name, another version: each stops the build before the first row; so does a column with bytes."""
    plug_in(monkeypatch)
    with pytest.raises(StepError, match="no such classifier"):
        opened(tmp_path, PLUGIN)
    plug_in(monkeypatch, Words(), Words())
    with pytest.raises(StepError, match="one name"):
        opened(tmp_path, PLUGIN)
    plug_in(monkeypatch, Words())
    with pytest.raises(StepError, match="not the one that the plan names"):
        opened(tmp_path, PLUGIN.replace('version = "1"', 'version = "2"'))
    step = opened(tmp_path, PLUGIN)
    assert isinstance(step, Looks)
    with pytest.raises(StepError, match="without bytes"):
        step.check(rows_of(text=[b"picture"]).batch.schema)


class _Service(BaseHTTPRequestHandler):
    """A service that scores by length, and fails as often as its server was told."""

    def do_POST(self) -> None:
        """Answer."""
        values = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["values"]
        self.server.failures -= 1  # type: ignore[attr-defined]
        fails = self.server.failures >= 0  # type: ignore[attr-defined]
        body = b"{" if fails else json.dumps({"scores": [len(value) / 10 for value in values]}).encode()
        self.send_response(503 if fails and self.server.failures % 2 else 200)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[HTTPServer]:
    """Return a service on this machine."""
    server = HTTPServer(("127.0.0.1", 0), _Service)
    server.failures = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_example_package_asks_a_service_and_keeps_nothing_unanswered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: HTTPServer
) -> None:
    """Installed, loaded by its entry point: it tries again after a failure, and gives up after all attempts."""
    install_example(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    endpoint = f"http://127.0.0.1:{service.server_port}/"
    options = f'{{ endpoint = "{endpoint}", seconds = 5, attempts = 3 }}'
    named = 'name = "remote", version = "1.0.0", license = "Apache-2.0", columns = ["text"]'
    step = opened(tmp_path, f'kind = "classifier"\nthreshold = 0.5\nplugin = {{ {named}, options = {options} }}\n')
    monkeypatch.setattr(sys.modules["remote_classifier"], "PAUSE", 0.0)
    rows = rows_of(text=["short", "much longer"])
    service.failures = 2  # type: ignore[attr-defined]
    assert verdicts(step, rows)[0] == [REMOVED, REMOVED]
    assert verdicts(step, rows_of(text=["a"]))[0] == [KEPT]
    service.failures = 3  # type: ignore[attr-defined]
    assert verdicts(step, rows) == ([UNSCREENABLE] * 2, ["no-answer"] * 2)
    with pytest.raises(StepError, match="cannot use its options"):
        opened(tmp_path, f'kind = "classifier"\nthreshold = 0.5\nplugin = {{ {named}, options = {{ endpoint = "ftp://x" }} }}\n')


def model_step(folder: Path, data: bytes, more: str = "", sha256: str = "") -> Step:
    """Return a classifier step of a model, in a file beside the plan."""
    (folder / "model.onnx").write_bytes(data)
    named = f'path = "model.onnx", sha256 = "{sha256 or hashlib.sha256(data).hexdigest()}", license = "MIT", column = "v"{more}'
    return opened(folder, f'kind = "classifier"\nthreshold = 0.5\nmodel = {{ {named} }}\n')


def test_a_model_scores_vectors(tmp_path: Path) -> None:
    """Each row's vector goes through the model; what is no such vector is unscreenable; the model's digest is attested."""
    data = linear_model(np.array([[0.0, 1.0], [0.0, 0.0]]))
    step = model_step(tmp_path, data, ", index = 1")
    vectors = [[0.9, 9.0], [0.1, 9.0], None, [0.9], [0.9, float("nan")], [0.9, None]]
    rows = rows_of(v=pa.array(vectors, pa.list_(pa.float32())))
    assert verdicts(step, rows) == (
        [REMOVED, KEPT, *[UNSCREENABLE] * 4],
        ["", "", "no-vector", "bad-vector", "bad-vector", "bad-vector"],
    )
    canonical = step.parameters.canonical()
    assert canonical["model"] == {
        "sha256": hashlib.sha256(data).hexdigest(), "license": "MIT", "column": "v", "normalise": "none", "index": 1
    }  # fmt: skip
    assert again("classifier", canonical)[1] == []
    unit = model_step(tmp_path, data, ', index = 1, normalise = "l2"')
    assert verdicts(unit, rows_of(v=pa.array([[9.0, 1.0], [1.0, 9.0]], pa.list_(pa.float64()))))[0] == [REMOVED, KEPT]


def test_a_model_gives_the_same_scores_whatever_the_batch(tmp_path: Path) -> None:
    """More rows than a model judges at once come out in order; sliced batches read their own rows."""
    step = model_step(tmp_path, linear_model(np.array([[1.0]])))
    values = np.linspace(0, 1, 2500)
    column = pa.array([[value] for value in values.tolist()], pa.list_(pa.float32()))
    wanted = [REMOVED if value >= 0.5 else KEPT for value in values.astype(np.float32).tolist()]
    assert verdicts(step, rows_of(v=column))[0] == wanted
    assert verdicts(step, rows_of(v=column.slice(1200, 100)))[0] == wanted[1200:1300]


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (b"no model at all", ""),
        (linear_model(np.ones((2, 1)), rows=4), ""),
        (linear_model(np.ones((2, 1)), inputs=2), ""),
        (linear_model(np.ones((2, 1)), kind=11), ""),
        (linear_model(np.ones((2, 1))), ", index = 1"),
    ],
    ids=["not a model", "a fixed number of rows", "two inputs", "double precision", "too few outputs"],
)
def test_a_model_of_another_shape_is_refused(tmp_path: Path, data: bytes, more: str) -> None:
    """Before the first row, with what was expected and what was found."""
    with pytest.raises(StepError, match="a model cannot be used"):
        model_step(tmp_path, data, more)


def test_another_model_file_is_refused(tmp_path: Path) -> None:
    """The plan names a model by its digest, so a file that was exchanged stops the build; so does a plan without a file."""
    with pytest.raises(StepError, match="a model cannot be used"):
        model_step(tmp_path, linear_model(np.ones((2, 1))), sha256="0" * 64)
    planned, _ = again("classifier", {"model": {"sha256": "0" * 64, "license": "MIT", "column": "v"}, "threshold": "1"})
    with pytest.raises(StepError, match=r"model\.path"):
        planned.parameters.signal.open(planned, Columns(None, None, None, {}))  # type: ignore[attr-defined]


@pytest.mark.parametrize("beside", ["w.bin", "here/../w.bin", "../../../../../../../../../..{folder}/w.bin"])
def test_a_model_reads_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str) -> None:
    """Numbers in a file beside the model have no digest, so another file there would be another model; and any file might be named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "w.bin").write_bytes(np.ones((2, 1), np.float32).tobytes())
    with pytest.raises(StepError, match="whole in one file"):
        model_step(tmp_path, linear_model(np.ones((2, 1)), beside=beside.format(folder=tmp_path)))


def test_without_the_extra_a_model_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(StepError, match=r"\[onnx\]"):
        model_step(tmp_path, linear_model(np.ones((2, 1))))


def test_a_column_of_other_things_than_vectors_is_refused(tmp_path: Path) -> None:
    """Numbers, texts and lists of texts are no vectors."""
    step = model_step(tmp_path, linear_model(np.ones((2, 1))))
    assert isinstance(step, Looks)
    for column in ([1.0], ["a"], [["a"]]):
        with pytest.raises(StepError, match="cannot use the column 'v'"):
            step.check(rows_of(v=column).batch.schema)
