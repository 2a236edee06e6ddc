"""What follows from bytes that no case changes is computed once: nearly all of a case's work is about such bytes.

Each function named here is pure. Its first call, on the release as it was, is kept with its arguments; a later call with equal arguments,
compared in full, gets the same value, and any other call goes to the function itself. So nothing that a case changed is ever
judged by what was kept.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SHARED = (
    ("audit_logs.trust", "read"),
    ("audit_logs.trust", "faults"),
    ("audit_logs.note", "verify_signed"),
    ("audit_logs.verify", "replay"),
    ("audit_logs.manifest", "parse"),
    ("audit_logs.manifest", "roots"),
)


@dataclass(slots=True)
class Kept:
    """A pure function that knows the value of one call."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] | None = None
    value: Any = None
    spared: int = 0  # calls that had the kept arguments

    def __call__(self, *arguments: Any) -> Any:
        """Return the value that was kept, if it is that of these arguments."""
        if self.arguments is None:
            self.arguments, self.value = arguments, _settled(self.function(*arguments))
        elif arguments == self.arguments:
            self.spared += 1
        else:
            return self.function(*arguments)
        return self.value

    def holds(self) -> bool:
        """Tell whether the function still gives, for the kept arguments, what was kept: nobody has written into it."""
        return self.arguments is None or bool(_settled(self.function(*self.arguments)) == self.value)


def _settled(value: Any) -> Any:
    """Return a value that can be gone through more than once."""
    return tuple(value) if isinstance(value, Iterator) else value


@contextmanager
def kept() -> Iterator[dict[str, Kept]]:
    """Let the verifier compute once what follows from unchanged bytes, while the block runs; the first call in it decides which they are."""
    modules = {name: importlib.import_module(name) for name, _ in SHARED}
    functions = {f"{module}.{name}": Kept(getattr(modules[module], name)) for module, name in SHARED}
    try:
        for module, name in SHARED:
            setattr(modules[module], name, functions[f"{module}.{name}"])
        yield functions
    finally:
        for module, name in SHARED:
            setattr(modules[module], name, functions[f"{module}.{name}"].function)
