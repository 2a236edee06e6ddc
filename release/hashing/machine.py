"""The SHA-256 of padded blocks as an instruction of the compiled code: the processor's own where it has them, else plain arithmetic.

`digest(initial, data, at, count, out, out_at)` starts from `initial`, (8,) uint32, takes `count` blocks of 64 bytes of `data` from
byte `at`, and writes 32 bytes to `out` from byte `out_at`. All arrays lie in one piece; places are not checked.
Source: FIPS 180-4 section 6.2; the order of lanes is that of Intel's SHA extensions (sha256rnds2, sha256msg1, sha256msg2).
"""

# ruff: noqa: ANN401, PLR0913, PLR0917  (types of the compiler, and arrays with their places: a record for them would be made anew for each message)

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numpy as np
from llvmlite import ir
from llvmlite.ir import Constant, IRBuilder, Value  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 64
Function = TypeVar("Function", bound=Callable[..., object])
_BYTE, _WORD = ir.IntType(8), ir.IntType(32)
_FOUR, _SIXTEEN = ir.VectorType(_WORD, 4), ir.VectorType(_BYTE, 16)
_SWAPPED = (3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)  # four words of big-endian bytes


def compiled(function: Function) -> Function:
    """Return `function` as machine code, cached on disk, without the interpreter lock."""
    return cast("Function", njit(cache=True, nogil=True)(function))


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        found += [number] if all(number % prime for prime in found) else []
        number += 1
    return found


def _cube_root_bits(number: int) -> int:
    """Return the first 32 bits of the fraction of a cube root."""
    root, scaled = 1 << 36, number << 96
    while root**3 > scaled:  # Newton's method in integers, from above
        root = (2 * root + scaled // (root * root)) // 3
    return root & 0xFFFFFFFF


ROUNDS = tuple(_cube_root_bits(prime) for prime in _primes(64))
INITIAL = np.array([math.isqrt(prime << 64) & 0xFFFFFFFF for prime in _primes(8)], np.uint32)
_ROUNDS = np.array(ROUNDS, np.uint32)


def has_instructions() -> bool:
    """Tell whether this processor has instructions for SHA-256 that the compiler may use."""
    try:
        return bool(llvm.get_host_cpu_features().get("sha", False))
    except RuntimeError:
        return False


@intrinsic  # type: ignore[untyped-decorator]
def copy(_typing: object, out: Any, out_at: Any, data: Any, at: Any, count: Any) -> object:
    """Copy `count` bytes of `data` from byte `at` to `out` from byte `out_at`."""

    def emit(context: Any, builder: IRBuilder, signature: Any, arguments: Sequence[Value]) -> Value:
        target, source = (_place(context, builder, signature, arguments, place) for place in (0, 2))
        cgutils.raw_memcpy(builder, target, source, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(out, out_at, data, at, count), emit


def _place(context: Any, builder: IRBuilder, signature: Any, arguments: Sequence[Value], place: int) -> Value:
    """Return a pointer to a byte of the array that is argument `place`; the argument after it says which."""
    data = context.make_array(signature.args[place])(context, builder, arguments[place]).data
    return builder.gep(builder.bitcast(data, _BYTE.as_pointer()), [arguments[place + 1]])


@intrinsic  # type: ignore[untyped-decorator]
def _by_instructions(_typing: object, initial: Any, data: Any, at: Any, count: Any, out: Any, out_at: Any) -> object:
    """See the module's docstring."""

    def emit(context: Any, builder: IRBuilder, signature: Any, arguments: Sequence[Value]) -> Value:
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        source, target = (_place(context, builder, signature, arguments, place) for place in (1, 4))
        _emit(builder, start, arguments[3], [(source, target)])
        return context.get_dummy_value()

    return types.void(initial, data, at, count, out, out_at), emit


@intrinsic  # type: ignore[untyped-decorator]
def _two_by_instructions(
    _typing: object, initial: Any, data: Any, at: Any, apart: Any, count: Any, out: Any, out_at: Any, out_apart: Any
) -> object:
    """See `digest_two`."""

    def emit(context: Any, builder: IRBuilder, signature: Any, arguments: Sequence[Value]) -> Value:
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        source, target = (_place(context, builder, signature, arguments, place) for place in (1, 5))
        others = builder.gep(source, [arguments[3]]), builder.gep(target, [arguments[7]])
        _emit(builder, start, arguments[4], [(source, target), others])
        return context.get_dummy_value()

    return types.void(initial, data, at, apart, count, out, out_at, out_apart), emit


def _emit(builder: IRBuilder, start: Value, count: Value, messages: Sequence[tuple[Value, Value]]) -> None:
    """Hash messages of as many blocks each, from source to target, instruction by instruction in turn: one waits while the other goes on."""
    first = builder.bitcast(start, _FOUR.as_pointer())
    low, high = (builder.load(builder.gep(first, [_WORD(half)]), align=4) for half in (0, 1))
    began = _shuffled(builder, low, high, (5, 4, 1, 0)), _shuffled(builder, low, high, (7, 6, 3, 2))  # f e b a, h g d c
    states = [[cgutils.alloca_once_value(builder, half) for half in began] for _ in messages]
    with cgutils.for_range(builder, count) as loop:
        place = builder.mul(loop.index, loop.index.type(BLOCK))
        before = [(builder.load(one), builder.load(other)) for one, other in states]
        words = [_words(builder, builder.gep(source, [place])) for source, _ in messages]
        for state, old, new in zip(states, before, _compressed(builder, before, words), strict=True):
            builder.store(builder.add(new[0], old[0]), state[0])
            builder.store(builder.add(new[1], old[1]), state[1])
    for state, (_, target) in zip(states, messages, strict=True):
        last = [builder.load(half) for half in state]
        for half, lanes in enumerate(((3, 2, 7, 6), (1, 0, 5, 4))):
            data = builder.bitcast(_shuffled(builder, last[0], last[1], lanes), _SIXTEEN)
            into = builder.gep(builder.bitcast(target, _SIXTEEN.as_pointer()), [_WORD(half)])
            builder.store(_shuffled(builder, data, data, _SWAPPED), into, align=1)


def _shuffled(builder: IRBuilder, one: Value, other: Value, lanes: Sequence[int]) -> Value:
    kind = ir.VectorType(_WORD, len(lanes))
    return builder.shuffle_vector(one, other, Constant(kind, [Constant(_WORD, lane) for lane in lanes]))


def _words(builder: IRBuilder, block: Value) -> list[Value]:
    """Return the sixteen words of a block, four at a time."""
    quarters = builder.bitcast(block, _SIXTEEN.as_pointer())
    loaded = [builder.load(builder.gep(quarters, [_WORD(quarter)]), align=1) for quarter in range(4)]
    return [builder.bitcast(_shuffled(builder, data, data, _SWAPPED), _FOUR) for data in loaded]


def _compressed(builder: IRBuilder, states: Sequence[tuple[Value, Value]], blocks: Sequence[Sequence[Value]]) -> list[tuple[Value, Value]]:
    """Return the states after the 64 rounds of a block each, before the states that they began with are added."""

    def ask(name: str, *given: Value) -> Value:
        kind = ir.FunctionType(_FOUR, [_FOUR] * len(given))
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sha256{name}"), given)

    current, words = list(states), [list(block) for block in blocks]
    for number in range(16):
        rounds = Constant(_FOUR, [Constant(_WORD, value) for value in ROUNDS[4 * number : 4 * number + 4]])
        for lane, (one, other) in enumerate(current):
            if number >= 4:
                old = words[lane]
                partly = builder.add(ask("msg1", old[0], old[1]), _shuffled(builder, old[2], old[3], (1, 2, 3, 4)))
                words[lane] = [*old[1:], ask("msg2", partly, old[3])]
            added = builder.add(words[lane][min(number, 3)], rounds)
            turned = ask("rnds2", other, one, added)
            current[lane] = ask("rnds2", one, turned, _shuffled(builder, added, added, (2, 3, 0, 0))), turned
    return current


@compiled
def _rotated(word: np.uint32, by: int) -> np.uint32:
    return np.uint32((word >> np.uint32(by)) | (word << np.uint32(32 - by)))


@compiled
def by_arithmetic(initial: Any, data: Any, at: int, count: int, out: Any, out_at: int) -> None:
    """See the module's docstring: the same without instructions of the processor's own."""
    state, words = initial.copy(), np.empty(64, np.uint32)
    for block in range(count):
        for number in range(16):
            byte = at + 64 * block + 4 * number
            words[number] = (
                (np.uint32(data[byte]) << np.uint32(24))
                | (np.uint32(data[byte + 1]) << np.uint32(16))
                | (np.uint32(data[byte + 2]) << np.uint32(8))
                | np.uint32(data[byte + 3])
            )
        _stretch(words)
        _mix(state, words)
    for number in range(8):
        for byte in range(4):
            out[out_at + 4 * number + byte] = (state[number] >> np.uint32(24 - 8 * byte)) & np.uint32(0xFF)


@compiled
def _stretch(words: Any) -> None:
    for number in range(16, 64):
        early, late = words[number - 15], words[number - 2]
        low = _rotated(early, 7) ^ _rotated(early, 18) ^ (early >> np.uint32(3))
        high = _rotated(late, 17) ^ _rotated(late, 19) ^ (late >> np.uint32(10))
        words[number] = np.uint32(words[number - 16] + low + words[number - 7] + high)


@compiled
def _mix(state: Any, words: Any) -> None:
    a, b, c, d, e, f, g, h = state
    for number in range(64):
        high = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
        first = np.uint32(h + high + ((e & f) ^ (~e & g)) + _ROUNDS[number] + words[number])
        low = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
        second = np.uint32(low + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f, e, d, c, b, a = g, f, e, np.uint32(d + first), c, b, a, np.uint32(first + second)
    for place, word in enumerate((a, b, c, d, e, f, g, h)):
        state[place] = np.uint32(state[place] + word)


@compiled
def by_instructions(initial: Any, data: Any, at: int, count: int, out: Any, out_at: int) -> None:
    """See the module's docstring: by instructions of the processor's own; only where it has them."""
    _by_instructions(initial, data, at, count, out, out_at)


@compiled
def two_by_instructions(initial: Any, data: Any, at: int, apart: int, count: int, out: Any, out_at: int, out_apart: int) -> None:
    """See `digest_two`."""
    _two_by_instructions(initial, data, at, apart, count, out, out_at, out_apart)


@compiled
def two_by_arithmetic(initial: Any, data: Any, at: int, apart: int, count: int, out: Any, out_at: int, out_apart: int) -> None:
    """See `digest_two`."""
    by_arithmetic(initial, data, at, count, out, out_at)
    by_arithmetic(initial, data, at + apart, count, out, out_at + out_apart)


digest = by_instructions if has_instructions() else by_arithmetic

digest_two = two_by_instructions if has_instructions() else two_by_arithmetic
"""Two digests at once, of messages `apart` bytes from each other, to places `out_apart` bytes from each other."""
