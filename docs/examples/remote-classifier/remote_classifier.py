"""A classifier that asks a service: values of one column out, one score for each in, with time-outs and further attempts.

request   POST, JSON {"values": [text or null, ...]}
answer    JSON {"scores": [number or null, ...]}, as many
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from release.errors import StepError

AT_ONCE = 64  # values in a request
PAUSE = 0.5  # seconds before the second attempt; twice as long before each further one
LONGEST_ANSWER = 1 << 20
FAILURES = (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Remote:
    """What the entry point names."""

    version: str = "1.0.0"
    license: str = "Apache-2.0"

    def open(self, options: Mapping[str, object]) -> Asking:
        """Return a classifier that asks the service at `endpoint`, waits `seconds`, and makes `attempts`.

        Raises:
            StepError: an option is missing, unknown or none of its kind.
        """
        told = {"seconds": 10, "attempts": 3, **options}
        endpoint, seconds, attempts = told.pop("endpoint", None), told.pop("seconds"), told.pop("attempts")
        if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://127.0.0.1:")) or told:
            raise StepError("the remote classifier cannot use its options", expected="endpoint (https), seconds, attempts")
        if not isinstance(seconds, int) or not isinstance(attempts, int) or seconds < 1 or attempts < 1:
            raise StepError("the remote classifier cannot use its options", expected="whole numbers of seconds and attempts, from 1")
        return Asking(endpoint, seconds, attempts)


@dataclass(frozen=True, slots=True)
class Asking:
    """An open classifier."""

    endpoint: str
    seconds: int
    attempts: int

    def score(self, columns: pa.RecordBatch) -> Sequence[float | None]:
        """Return the service's scores of the first column; None for what it did not answer."""
        values = columns.column(0).to_pylist()
        bounds = [*range(0, len(values), AT_ONCE), len(values)]
        return [score for start, end in pairwise(bounds) for score in self._piece(values[start:end])]

    def _piece(self, values: list[object]) -> Sequence[float | None]:
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                return self._ask(values)
            except FAILURES:
                continue
        return [None] * len(values)

    def _ask(self, values: list[object]) -> Sequence[float | None]:
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get("REMOTE_CLASSIFIER_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.endpoint, json.dumps({"values": values}).encode(), headers)  # noqa: S310  (see Remote.open)
        with urllib.request.urlopen(request, timeout=self.seconds) as answer:  # noqa: S310
            scores = json.loads(answer.read(LONGEST_ANSWER))["scores"]
        if not isinstance(scores, list) or len(scores) != len(values):
            raise ValueError("an answer of another length")
        return scores


REMOTE = Remote()
