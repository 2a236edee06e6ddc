"""The side of a contestant: a process that prepares something, says so, and then does one round whenever it is asked to.

Over the pipes go lines. To the contestant: any line for one round, the end of the file to finish. From it: one JSON object
when it is prepared, and one for each round. Only the standard library, because the peers' environment runs this too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]
Round = Callable[[], Facts]


def serve(facts: Facts, work: Round) -> None:
    """Tell `facts`, then do `work` for each line that comes in; whatever else is printed goes to the standard error."""
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tell(channel, facts)
    for _ in sys.stdin:
        tell(channel, work())


def tell(channel: Any, facts: Facts) -> None:  # noqa: ANN401  (any text file)
    """Write one object as a line."""
    channel.write(json.dumps(facts) + "\n")
    channel.flush()
