"""Digests of many messages, in compiled code.

Each function takes a group of messages through two stages: first all are written out with their padding, then all are hashed. Otherwise
the processor would wait, at each message, for the one before to have left for memory.

Arrays are flat and of uint8 unless said otherwise; a place is a byte. `out` gets one digest of 32 bytes for each message.
"""

# ruff: noqa: PLR0913, PLR0917  (types of the compiler, and arrays with their places: a record for them would be made anew for each message)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.hashing import SIZE, Bytes
from release.hashing.machine import BLOCK, INITIAL, compiled, copy, digest, digest_two

GROUP = 64  # messages taken through each stage together
_ROOM = 1 << 16  # bytes written out before they are hashed, unless one message is longer
_LENGTH = 8  # bytes of the length that ends the padding


@compiled
def _put_number(out: Bytes, at: int, number: np.uint64) -> None:
    """Write eight bytes, big-endian."""
    for byte in range(8):
        out[at + byte] = np.uint8((number >> np.uint64(56 - 8 * byte)) & np.uint64(0xFF))


@compiled
def _padded(room: Bytes, at: int, length: int, before: int) -> int:
    """Pad the message of `length` bytes at `at`, to which `before` bytes were hashed already; return its number of blocks."""
    blocks = (length + 1 + _LENGTH + BLOCK - 1) // BLOCK
    end = at + BLOCK * blocks - _LENGTH
    room[at + length] = 0x80
    for place in range(at + length + 1, end):
        room[place] = 0
    _put_number(room, end, np.uint64(8) * np.uint64(length + before))
    return blocks


@compiled
def of_equal(initial: NDArray[np.uint32], before: int, prefix: Bytes, data: Bytes, width: int, out: Bytes) -> None:
    """Hash `prefix` with each `width` bytes of `data`; `initial` is the state after `before` bytes, (8,) uint32."""
    count, length = data.size // width, prefix.size + width
    blocks = (length + 1 + _LENGTH + BLOCK - 1) // BLOCK
    room = np.empty(GROUP * BLOCK * blocks, np.uint8)
    for place in range(GROUP):
        copy(room, place * BLOCK * blocks, prefix, 0, prefix.size)
        _padded(room, place * BLOCK * blocks, length, before)
    for start in range(0, count, GROUP):
        several = min(GROUP, count - start)
        for place in range(several):
            copy(room, place * BLOCK * blocks + prefix.size, data, (start + place) * width, width)
        for place in range(0, several - 1, 2):
            digest_two(initial, room, place * BLOCK * blocks, BLOCK * blocks, blocks, out, (start + place) * SIZE, SIZE)
        if several % 2:
            digest(initial, room, (several - 1) * BLOCK * blocks, blocks, out, (start + several - 1) * SIZE)


@compiled
def of_numbers(prefix: Bytes, numbers: NDArray[np.uint64], out: Bytes, first: int, step: int) -> None:
    """Hash `prefix` with each number as eight bytes, big-endian; digests go to `first`, `first + step` ... of `out`."""
    length = prefix.size + 8
    blocks = (length + 1 + _LENGTH + BLOCK - 1) // BLOCK
    room = np.empty(GROUP * BLOCK * blocks, np.uint8)
    for place in range(GROUP):
        copy(room, place * BLOCK * blocks, prefix, 0, prefix.size)
        _padded(room, place * BLOCK * blocks, length, 0)
    for start in range(0, numbers.size, GROUP):
        several = min(GROUP, numbers.size - start)
        for place in range(several):
            _put_number(room, place * BLOCK * blocks + prefix.size, numbers[start + place])
        for place in range(0, several - 1, 2):
            digest_two(INITIAL, room, place * BLOCK * blocks, BLOCK * blocks, blocks, out, first + (start + place) * step, step)
        if several % 2:
            digest(INITIAL, room, (several - 1) * BLOCK * blocks, blocks, out, first + (start + several - 1) * step)


@compiled
def of_texts(prefix: Bytes, data: Bytes, bounds: NDArray[np.int64], out: Bytes, first: int, step: int) -> None:
    """Hash `prefix`, the length as eight bytes, big-endian, and the bytes of each of n texts: text i goes from `bounds[i]` to `bounds[i + 1]`."""
    count, head = bounds.size - 1, prefix.size + 8
    longest = 0
    for number in range(count):
        longest = max(longest, bounds[number + 1] - bounds[number])
    room = np.empty(_ROOM + head + longest + 2 * BLOCK, np.uint8)
    places, blocks = np.empty(GROUP, np.int64), np.empty(GROUP, np.int64)
    number = 0
    while number < count:
        several = end = 0
        while several < GROUP and number + several < count and end < _ROOM:
            start, length = bounds[number + several], bounds[number + several + 1] - bounds[number + several]
            copy(room, end, prefix, 0, prefix.size)
            _put_number(room, end + prefix.size, np.uint64(length))
            copy(room, end + head, data, start, length)
            places[several], blocks[several] = end, _padded(room, end, head + length, 0)
            end += BLOCK * blocks[several]
            several += 1
        for place in range(several):
            digest(INITIAL, room, places[place], blocks[place], out, first + (number + place) * step)
        number += several


@compiled
def of_slices(prefix: Bytes, data: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], out: Bytes) -> None:
    """Hash `prefix` with each of n slices of `data`."""
    longest = 0
    for number in range(starts.size):
        longest = max(longest, ends[number] - starts[number])
    room = np.empty(_ROOM + prefix.size + longest + 2 * BLOCK, np.uint8)
    places, blocks = np.empty(GROUP, np.int64), np.empty(GROUP, np.int64)
    number = 0
    while number < starts.size:
        several = end = 0
        while several < GROUP and number + several < starts.size and end < _ROOM:
            start = starts[number + several]
            length = ends[number + several] - start
            copy(room, end, prefix, 0, prefix.size)
            copy(room, end + prefix.size, data, start, length)
            places[several], blocks[several] = end, _padded(room, end, prefix.size + length, 0)
            end += BLOCK * blocks[several]
            several += 1
        for place in range(several):
            digest(INITIAL, room, places[place], blocks[place], out, (number + place) * SIZE)
        number += several
