"""Checks of what a person wrote, with errors that show it and the right code."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

from imagefeed.errors import SpecError

_LARGEST = sys.float_info.max


def fail(where: str, value: object, expected: str) -> SpecError:
    """The error for a field `where` (`Rotate.degrees`) that got `value`; `expected` ends the sentence."""
    return SpecError(f"{where}: got {value!r}; {expected}")


def is_number(value: object) -> bool:
    """Whether `value` is a finite real number; a bool is not."""
    # An integer beyond the largest float compares with it, and cannot be made one.
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def is_tuple(value: Any) -> bool:
    """Whether `value` is a tuple. Says nothing to a type checker: what is in it has yet to be looked at."""
    return isinstance(value, tuple)


def check_number(where: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise SpecError unless `value` is a finite number with low <= value <= high."""
    if not is_number(value):
        raise fail(where, value, "expected a number")
    if not low <= value <= high:
        raise fail(where, value, f"expected a number {_span(low, high)}")


def check_range(where: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise SpecError unless `value` is a tuple (low, high) in order, within the given limits."""
    owner, _, field = where.rpartition(".")
    if is_number(value):
        pair = f"({-abs(value):g}, {abs(value):g})" if low < 0 else f"({min(value, 1):g}, {max(value, 1):g})"
        raise fail(where, value, f"expected a range (low, high), for example {owner}({field}={pair})")
    if not is_tuple(value) or len(value) != 2 or not all(map(is_number, value)):
        raise fail(where, value, "expected a tuple of two numbers (low, high)")
    if value[0] > value[1]:
        raise fail(where, value, "low must not exceed high")
    if value[0] < low or value[1] > high:
        raise fail(where, value, f"both must be {_span(low, high)}")


def check_size(where: str, value: Any) -> None:
    """Raise SpecError unless `value` is a tuple (height, width) of positive integers."""
    owner = where.partition(".")[0]
    if isinstance(value, int) and not isinstance(value, bool):
        raise fail(where, value, f"expected (height, width), for example {owner}(({value}, {value}))")
    pair: Any = value
    if not is_tuple(pair) or len(pair) != 2 or not all(type(n) is int and n > 0 for n in pair):
        raise fail(where, value, "expected a tuple (height, width) of two positive integers")


def check_count(where: str, value: Any) -> int:
    """The integer that `value` is, one of NumPy's too. Raise SpecError unless it is one of at least 0."""
    try:
        count = operator.index(value)
    except TypeError:
        count = -1
    if isinstance(value, bool) or count < 0:
        raise fail(where, value, "expected an integer of at least 0")
    return count


def check_choice(where: str, value: Any, choices: Sequence[str]) -> None:
    """Raise SpecError unless `value` is one of `choices`."""
    if value not in choices:
        raise fail(where, value, f"expected one of {', '.join(map(repr, choices))}")


def check_bool(where: str, value: Any) -> None:
    """Raise SpecError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise fail(where, value, "expected True or False")


def _span(low: float, high: float) -> str:
    if math.isinf(high):
        return f"of at least {low:g}"
    if math.isinf(low):
        return f"of at most {high:g}"
    return f"from {low:g} to {high:g}"
