"""Which rows and columns are exported: `--where "width >= 512"`, `--columns caption,url`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from release.consume.columns import is_exportable
from release.errors import UsageError

_CONDITION = re.compile(r"\s*(?P<column>.+?)\s*(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>.+?)\s*", re.DOTALL)
_FUNCTIONS = {"==": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_FORM = 'COLUMN SIGN VALUE, as in `width >= 512` or `licence == "cc0-1.0"`'


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison that a row has to meet; a null meets none."""

    column: str
    sign: str
    value: pa.Scalar

    def meets(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Return for each row whether it meets the condition."""
        import pyarrow.compute as pc  # who only fetches needs none of its functions

        found = pc.call_function(_FUNCTIONS[self.sign], [batch.column(self.column), self.value])
        return np.asarray(found.fill_null(pa.scalar(value=False)).to_numpy(zero_copy_only=False), bool)


def parse(text: str, schema: pa.Schema) -> Condition:
    """Return the condition that a text states about a column.

    Raises:
        UsageError: it has not the form, names no column, or one that cannot be compared with the value.
    """
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        raise UsageError("this is no condition", where="--where", expected=_FORM, found=text)
    column = parts["column"]
    if column not in schema.names:
        raise UsageError("a condition names no column", where="--where", expected=" or ".join(schema.names), found=column)
    return Condition(column, parts["sign"], _value(parts["value"], schema.field(column).type, text))


def _value(text: str, kind: pa.DataType, where: str) -> pa.Scalar:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    wanted = _wanted(kind)
    if not wanted or type(value) not in wanted:
        expected = (
            "a number"
            if int in wanted
            else "true or false"
            if bool in wanted
            else "text"
            if wanted
            else "a column of text, numbers or booleans"
        )
        raise UsageError("a column cannot be compared with this value", where=f"--where {where}", expected=expected, found=text)
    try:
        return pa.scalar(value, pa.float64() if isinstance(value, float) else kind)
    except (pa.ArrowException, OverflowError) as error:
        raise UsageError("a value is out of its column's range", where=f"--where {where}", expected=str(kind), found=text) from error


def _wanted(kind: pa.DataType) -> tuple[type, ...]:
    if pa.types.is_boolean(kind):
        return (bool,)
    if pa.types.is_string(kind):
        return (str,)
    return (int, float) if pa.types.is_integer(kind) or pa.types.is_floating(kind) else ()


def columns(asked: Sequence[str] | None, schema: pa.Schema, image: str | None) -> tuple[list[str], list[str]]:
    """Return which columns besides the picture are exported, in schema order, and which could not be.

    Args:
        asked: names; None for all that can be.
        schema: of the release.
        image: the image column, which is no value.

    Raises:
        UsageError: a column that was asked for is not there, or cannot be exported.
    """
    others = [name for name in schema.names if name != image]
    fit = [name for name in others if is_exportable(schema.field(name).type)]
    if asked is None:
        return fit, [name for name in others if name not in fit]
    for name in asked:
        if name not in schema.names:
            raise UsageError("there is no such column", where="--columns", expected=" or ".join(schema.names), found=name)
        if name in others and name not in fit:
            raise UsageError(
                "a column's values have no exact form in JSON",
                where=f"--columns {name}",
                expected="booleans, whole numbers, floats, text, or lists and structs of these",
                found=str(schema.field(name).type),
            )
    return [name for name in fit if name in asked], []
