"""Compilation of numeric code: cached on disk, deterministic, without the interpreter lock.

A function is compiled for each combination of argument types at its first call. The decoder process may neither write the
cache nor grow by a compiler once it has its limits, so it compiles everything before and forbids it from then on: a call
with types that were not seen before is then an error at once, on every machine, and not only where the cache is cold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])

_dispatchers: list[Any] = []


def compiled(function: Function) -> Function:
    """Return `function` as machine code; no fast-math, so that sums keep their written order and give one result."""
    dispatcher = njit(cache=True, nogil=True, fastmath=False)(function)
    _dispatchers.append(dispatcher)
    return cast("Function", dispatcher)


def forbid_compilation() -> None:
    """Let every function that has been compiled keep the argument types that it has, and refuse others with a TypeError."""
    for dispatcher in _dispatchers:
        if dispatcher.signatures:
            dispatcher.disable_compile()
