"""A symmetric matrix becomes a band by reflections from both sides, and a band a matrix again.

Only the strips of rows left of the diagonal, with the square on it, are read and written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

BAND = 64
# So many bands of columns are made before the rest of the matrix is changed by all of them together.
_TOGETHER = 4
# So many rows are changed at once: what is undone together must begin at such a strip.
_STRIP = 6 * BAND
# How far from orthonormal vectors are that another orthogonalization mends.
_SKEW = 0.1


class Reflections(NamedTuple):
    """The orthogonal matrix I - V T V^T on the rows from `first` on.

    Attributes:
        first: The first row.
        v: (d - first, k).
        t: (k, k).
    """

    first: int
    v: NDArray[Any]
    t: NDArray[Any]


def norm(matrix: Floats) -> float:
    """Frobenius's norm of a symmetric matrix, at least the largest eigenvalue, from its lower triangle."""
    strips = [(matrix[s:e, :s], np.tril(matrix[s:e, s:e], -1)) for s, e in _strips(0, len(matrix))]
    beside = sum(float(np.linalg.norm(part)) ** 2 for strip in strips for part in strip)
    return math.sqrt(2 * beside + float(np.linalg.norm(np.diagonal(matrix))) ** 2)


def reduce(matrix: Floats) -> list[Reflections]:
    """Make a symmetric matrix a band of blocks of the width BAND: its lower triangle, of which the rest is not zeroed.

    Returns:
        What was done, in order, in single precision.
    """
    done: list[Reflections] = []
    size = len(matrix)
    _mirror_squares(matrix)
    for start in range(BAND, size, _TOGETHER * BAND):
        firsts = range(start, min(start + _TOGETHER * BAND, size), BAND)
        # What is still to be taken off: left @ right^T, from row and column `start - BAND` on.
        left, right = np.empty((2, size - start + BAND, 2 * BAND * len(firsts)))
        count = 0
        for first in firsts:
            before, after = slice(first - start, first - start + BAND), slice(first - start + BAND, None)
            columns = matrix[first - BAND :, first - BAND : first]
            columns -= left[before.start :, :count] @ right[before, :count].T
            v, t, matrix[first : first + BAND, first - BAND : first] = _reflection(columns[BAND:])
            vt = v @ t
            x = _product(matrix, first, vt) - left[after, :count] @ (right[after, :count].T @ vt)
            w = x - v @ (0.5 * (t.T @ (v.T @ x)))
            for place, parts in ((left, (v, w)), (right, (w, v))):
                for k, part in enumerate(parts):
                    place[after, count + k * len(t) : count + (k + 1) * len(t)] = part
            count += 2 * len(t)
            done.append(Reflections(first, v.astype(np.float32), t.astype(np.float32)))
        after = slice(firsts[-1] - start + BAND, None)
        _subtract(matrix, firsts[-1], left[after, :count], right[after, :count])
    return done


def undo(matrix: Singles, reflections: list[Reflections]) -> None:
    """Q A Q^T for the product Q of all reflections and a symmetric A: its lower triangle, in place."""
    size = len(matrix)
    _mirror_squares(matrix)
    groups: dict[int, list[Reflections]] = {}
    for one in reflections:
        groups.setdefault(one.first // _STRIP, []).append(one)
    for group in reversed(groups.values()):
        first, v, t = _combined(group)
        x = _product(matrix, first, v @ t.T)
        w = x - v @ (0.5 * (t @ (v.T @ x)))
        _subtract(matrix, first, np.hstack((v, w)), np.hstack((w, v)))
        vt, below = v @ t, v.T @ matrix[first:, :first]
        for s, e in _strips(first, size):
            matrix[s:e, :first] -= vt[s - first : e - first] @ below


# ---------------------------------------------------------------------------------------------------- one of them


def _reflection(columns: Floats) -> tuple[Floats, Floats, Floats]:
    """V and T, and what stays of columns, (k, b), when they are reflected: the rest becomes zero.

    With orthonormal columns Q and signs S, V = E - Q S for the first columns E of the identity, and T is the inverse
    of V's head, transposed (Yamamoto's form; see Ballard and others, "Reconstructing Householder vectors from
    tall-skinny QR", 2015, also for the signs).
    """
    q, r = _orthonormal(np.ascontiguousarray(columns))
    signs = _signs(q[: len(r)])
    v = q * -signs
    v[: len(r)].flat[:: len(r) + 1] += 1.0
    return v, np.ascontiguousarray(np.linalg.inv(v[: len(r)]).T, dtype=np.float64), signs[:, None] * r


def _orthonormal(columns: Floats) -> tuple[Floats, Floats]:
    """Q (n, k) with orthonormal columns and R (k, b), whose product are some columns (n, b).

    By Cholesky's method, twice, which is all products; by Householder's where columns depend on each other.
    """
    if len(columns) >= columns.shape[1]:
        try:
            once = np.linalg.cholesky(columns.T @ columns)
            q = columns @ np.linalg.inv(once).T
            gram = q.T @ q
            if abs(gram - np.eye(len(gram))).max() < _SKEW:
                again = np.linalg.cholesky(gram)
                return q @ np.linalg.inv(again).T, (once @ again).T
        except np.linalg.LinAlgError:
            pass
    return np.linalg.qr(columns)


def _signs(head: Floats) -> Floats:
    """Signs s, so that head - diag(s) is eliminated with pivots of at least one."""
    rest, signs = head.copy(), np.empty(len(head))
    for k in range(len(rest)):
        signs[k] = -1.0 if rest[k, k] >= 0 else 1.0
        rest[k + 1 :, k] /= rest[k, k] - signs[k]
        rest[k + 1 :, k + 1 :] -= np.outer(rest[k + 1 :, k], rest[k, k + 1 :])
    return signs


def _combined(several: list[Reflections]) -> Reflections:
    """The product of reflections, as one."""
    one, *others = several
    for other in others:
        width = len(one.t)
        v = np.zeros((len(one.v), width + len(other.t)), np.float32)
        v[:, :width] = one.v
        v[other.first - one.first :, width:] = other.v
        between = -one.t @ (one.v.T @ v[:, width:]) @ other.t
        t = np.block([[one.t, between], [np.zeros_like(between.T), other.t]])
        one = Reflections(one.first, v, t)
    return one


# ---------------------------------------------------------------------------------------------------- strips


def _strips(first: int, size: int) -> Iterator[tuple[int, int]]:
    """Of the rows from `first` on; they begin at the same rows whatever is the first."""
    start = first
    while start < size:
        end = min(start - start % _STRIP + _STRIP, size)
        yield start, end
        start = end


def _mirror_squares(matrix: NDArray[Any]) -> None:
    """Make the squares on the diagonal symmetric, of which only the lower triangles are."""
    for s, e in _strips(0, len(matrix)):
        square = matrix[s:e, s:e]
        square[:] = np.tril(square) + np.tril(square, -1).T


def _product(matrix: NDArray[Any], first: int, columns: NDArray[Any]) -> NDArray[Any]:
    """The product of the symmetric matrix from row and column `first` on, and columns (n, k)."""
    rows = columns.T  # a product of few rows is quicker than one of few columns
    result = np.zeros(rows.shape, rows.dtype)
    for s, e in _strips(first, len(matrix)):
        here = slice(s - first, e - first)
        result[:, : e - first] += rows[:, here] @ matrix[s:e, first:e]
        result[:, here] += rows[:, : s - first] @ matrix[s:e, first:s].T
    return result.T


def _subtract(matrix: NDArray[Any], first: int, left: NDArray[Any], right: NDArray[Any]) -> None:
    """Take left @ right^T, symmetric, off the matrix from row and column `first` on."""
    room = np.empty(_STRIP * (len(matrix) - first), matrix.dtype)
    for s, e in _strips(first, len(matrix)):
        product = room[: (e - s) * (e - first)].reshape(e - s, e - first)
        np.matmul(left[s - first : e - first], right[: e - first].T, out=product)
        matrix[s:e, first:e] -= product
