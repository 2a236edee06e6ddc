"""Machine instructions that compiled code asks for by name, and small functions that are compiled into their callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., object])
_BYTES, _NUMBER = ir.IntType(8).as_pointer(), ir.IntType(32)


def inlined(function: Function) -> Function:
    """Return `function` as a part of whatever compiled function calls it: a call that passes arrays costs more than it does."""
    return cast("Function", njit(cache=True, nogil=True, fastmath=False, forceinline=True)(function))


@intrinsic  # type: ignore[untyped-decorator]
def set_bits(_typing: object, _word: object) -> object:
    """Count the bits of a 64-bit word with the machine's own instruction."""

    def emit(_context: object, builder: IRBuilder, _signature: object, arguments: list[Value]) -> Value:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), emit


@intrinsic  # type: ignore[untyped-decorator]
def fetch_soon(_typing: object, array: Any, at: Any) -> object:  # noqa: ANN401  (types of the compiler)
    """Ask the memory for item `at` of a contiguous `array` (flattened), and do not wait for it."""

    def emit(context: Any, builder: IRBuilder, signature: Any, arguments: list[Value]) -> Value:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), _BYTES)
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _NUMBER, _NUMBER, _NUMBER])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(prefetch, [place, _NUMBER(0), _NUMBER(3), _NUMBER(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(array, at), emit
