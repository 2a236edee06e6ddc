"""Compilation of numeric code: cached on disk, deterministic, without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return `function` as machine code; no fast-math, so that sums keep their written order and give one result."""
    return cast("Function", njit(cache=True, nogil=True, fastmath=False)(function))
