"""Distributions: what a transform declares, and what turns uniform numbers into its values.

A variable takes a fixed count of uniform numbers from [0, 1), whatever their values: so what one draws never
depends on what another has drawn. It is written over the array API, since the numbers may come from a
framework's own generator.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from itertools import accumulate
from typing import get_args

from imagefeed.checks import check_choice, check_number, fail, is_number, is_tuple
from imagefeed.types import Array, Namespace, Per


@dataclass(frozen=True, slots=True)
class Variable(ABC):
    """A distribution over values of a given shape.

    Attributes:
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    _: KW_ONLY
    shape: tuple[int, ...] = ()
    per: Per = "sample"

    def __post_init__(self) -> None:
        check_choice(f"{type(self).__name__}.per", self.per, get_args(Per))
        if not is_tuple(self.shape) or not all(type(n) is int and n > 0 for n in self.shape):
            raise fail(f"{type(self).__name__}.shape", self.shape, "expected a tuple of positive integers")

    @property
    def count(self) -> int:
        """How many uniform numbers one record takes."""
        return math.prod(self.shape)

    @abstractmethod
    def sample(self, uniform: Array, xp: Namespace) -> Array:
        """Values from uniform numbers in [0, 1) of shape (n, count); the result has shape (n, *shape)."""

    def _shaped(self, uniform: Array, xp: Namespace) -> Array:
        """One uniform number for each value, in the values' shape."""
        return xp.reshape(uniform, (uniform.shape[0], *self.shape))


def _check_order(variable: Uniform | LogUniform | Integers) -> None:
    if variable.low > variable.high:
        where = f"{type(variable).__name__}.low"
        raise fail(where, variable.low, f"it must not exceed high, which is {variable.high!r}")


@dataclass(frozen=True, slots=True)
class Uniform(Variable):
    """Real numbers in [low, high), each as likely as the others.

    Attributes:
        low: The lowest number.
        high: What all numbers are below, or equal to where it is `low`.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        check_number("Uniform.low", self.low)
        check_number("Uniform.high", self.high)
        _check_order(self)

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        return self._shaped(uniform, xp) * (self.high - self.low) + self.low


@dataclass(frozen=True, slots=True)
class LogUniform(Variable):
    """Positive numbers in [low, high) whose logarithm is uniform: a half is as likely as a double.

    Attributes:
        low: The lowest number, above 0.
        high: What all numbers are below, or equal to where it is `low`.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        check_number("LogUniform.low", self.low)
        check_number("LogUniform.high", self.high)
        if self.low <= 0:
            raise fail("LogUniform.low", self.low, "expected a number above 0")
        _check_order(self)

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        return xp.exp(self._shaped(uniform, xp) * math.log(self.high / self.low)) * self.low


@dataclass(frozen=True, slots=True)
class Normal(Variable):
    """Normally distributed numbers, by the transform of Box and Muller (1958): two uniform numbers each.

    Attributes:
        mean: Their mean.
        std: Their standard deviation, at least 0.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        check_number("Normal.mean", self.mean)
        check_number("Normal.std", self.std, low=0)

    @property
    def count(self) -> int:
        return 2 * math.prod(self.shape)

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        half = self.count // 2
        # 1 - u lies in (0, 1], where the logarithm is finite.
        radius = xp.sqrt(-2.0 * xp.log(1.0 - uniform[:, :half]))
        unit = radius * xp.cos((2 * math.pi) * uniform[:, half:])
        return self._shaped(unit, xp) * self.std + self.mean


@dataclass(frozen=True, slots=True)
class Integers(Variable):
    """Whole numbers from low to high, both included, each as likely as the others.

    Attributes:
        low: The lowest.
        high: The highest; there are fewer than 2**53.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        for name in ("low", "high"):
            value = getattr(self, name)
            if type(value) is not int:
                raise fail(f"Integers.{name}", value, "expected an integer")
        _check_order(self)
        if self.high - self.low >= 2**53:
            raise fail("Integers.high", self.high, "expected fewer than 2**53 values")

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        whole = xp.floor(self._shaped(uniform, xp) * float(self.high - self.low + 1))
        return xp.astype(whole, xp.int64) + self.low


@dataclass(frozen=True, slots=True)
class Choice(Variable):
    """One of the given numbers.

    Attributes:
        values: The numbers, at least one.
        weights: How likely each is in relation to the others, at least 0; None for all alike.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        if not is_tuple(self.values) or not self.values or not all(map(is_number, self.values)):
            raise fail("Choice.values", self.values, "expected a tuple of at least one number")
        if self.weights is not None:
            check_weights("Choice.weights", self.weights, len(self.values))

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        weights = self.weights or (1.0,) * len(self.values)
        *limits, total = accumulate(weights)
        shaped = self._shaped(uniform, xp)
        value = shaped * 0.0 + float(self.values[0])
        for limit, next_value in zip(limits, self.values[1:], strict=True):
            value = xp.where(shaped < limit / total, value, float(next_value))
        return value


def check_weights(where: str, weights: tuple[float, ...], count: int) -> None:
    """Raise SpecError unless `weights` are `count` numbers, none negative, not all zero."""
    if not is_tuple(weights) or not all(map(is_number, weights)):
        raise fail(where, weights, "expected a tuple of numbers")
    if len(weights) != count:
        raise fail(where, weights, f"expected one for each of the {count} values")
    if min(weights) < 0 or max(weights) == 0:
        raise fail(where, weights, "none may be negative, and one must be above 0")


@dataclass(frozen=True, slots=True)
class Bernoulli(Variable):
    """True with the given probability, else False.

    Attributes:
        probability: From 0 to 1.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    probability: float

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        check_number("Bernoulli.probability", self.probability, low=0, high=1)

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        return self._shaped(uniform, xp) < self.probability


@dataclass(frozen=True, slots=True)
class Beta(Variable):
    """Numbers between 0 and 1 with the symmetric distribution Beta(alpha, alpha), by its inverse, to 1e-5.

    The lower half of the distribution is integrated (Simpson's rule on 4,096 intervals) and interpolated; the upper
    half is its mirror image. Where alpha is below 1 the density has a pole, and v = x**alpha, in which it has none,
    takes the place of x.

    Attributes:
        alpha: From 0.01 to 100: 1 is uniform, less prefers 0 and 1, more prefers the middle.
        shape: The shape of one record's value; () is a single number.
        per: Whether every "sample" has a value of its own, or all of a "batch" share one.
    """

    alpha: float

    def __post_init__(self) -> None:
        Variable.__post_init__(self)
        check_number("Beta.alpha", self.alpha, 0.01, 100)

    def sample(self, uniform: Array, xp: Namespace) -> Array:
        places, shares = _beta_table(self.alpha)
        u = self._shaped(uniform, xp)
        low = xp.minimum(u, 1.0 - u) * 2.0
        table_u, table_v = (xp.asarray(list(values), dtype=u.dtype) for values in (shares, places))
        flat = xp.reshape(low, (-1,))
        right = xp.clip(xp.searchsorted(table_u, flat), 1, len(shares) - 1)
        u0, u1, v0, v1 = (xp.take(t, right - k, axis=0) for t in (table_u, table_v) for k in (1, 0))
        v = v0 + (v1 - v0) * xp.clip((flat - u0) / xp.where(u1 > u0, u1 - u0, 1.0), 0.0, 1.0)
        half = xp.reshape(v ** (1.0 / min(self.alpha, 1.0)), u.shape)
        return xp.where(u <= 0.5, half, 1.0 - half)


@lru_cache(maxsize=64)
def _beta_table(alpha: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Values of v from 0 to where x is one half, and the share of the lower half's mass that lies below each."""
    intervals = 4096
    power = min(alpha, 1.0)
    end = 0.5**power
    step = end / intervals

    def density(v: float) -> float:
        return v ** (alpha / power - 1.0) * (1.0 - v ** (1.0 / power)) ** (alpha - 1.0)

    values = [density(0.5 * k * step) for k in range(2 * intervals + 1)]
    sums = [0.0]
    for k in range(intervals):
        sums.append(sums[-1] + values[2 * k] + 4.0 * values[2 * k + 1] + values[2 * k + 2])
    return tuple(k * step for k in range(intervals + 1)), tuple(value / sums[-1] for value in sums)
