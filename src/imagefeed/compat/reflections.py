"""A symmetric matrix becomes a band by reflections from both sides, and a band a matrix again.

Only the strips of rows left of the diagonal, with the square on it, are read and written. Vectors are rows
throughout: a product of few rows is quicker than one of few columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.pages import zeros

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

BAND = 64
# So many bands of columns are made before the rest of the matrix is changed by all of them together.
_TOGETHER = 2
# So many rows are changed at once: what is undone together must begin at such a strip.
_STRIP = 3 * BAND
# What begins within so many rows is undone together: whole strips of them, which take more memory and less time.
_UNDONE = 2 * _STRIP
# How far from orthonormal vectors are that another orthogonalization mends.
_SKEW = 0.1


class Reflections(NamedTuple):
    """The orthogonal matrix I - V^T T V on the rows from `first` on.

    Attributes:
        first: The first row.
        v: (k, d - first).
        t: (k, k).
    """

    first: int
    v: NDArray[Any]
    t: NDArray[Any]


def norm(matrix: Floats) -> float:
    """Frobenius's norm of a symmetric matrix, at least the largest eigenvalue, from its lower triangle."""
    beside = 0.0
    for s, e in _strips(0, len(matrix)):
        for part in (matrix[s:e, :s], np.tril(matrix[s:e, s:e], -1)):
            beside += float(np.einsum("ij,ij", part, part))  # which takes no copy
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
        # What is still to be taken off: left^T @ right, from row and column `start - BAND` on.
        left, right = zeros((2, 2 * BAND * len(firsts), size - start + BAND), np.float64)
        count = 0
        for first in firsts:
            before, after = slice(first - start, first - start + BAND), slice(first - start + BAND, None)
            block = matrix[first - BAND :, first - BAND : first]
            rows = np.ascontiguousarray(block).T - right[:count, before].T @ left[:count, before.start :]
            block[:BAND] = rows[:, :BAND].T
            v, t, matrix[first : first + BAND, first - BAND : first] = _reflection(rows[:, BAND:])
            vt = t.T @ v
            x = _product(matrix, first, vt) - (vt @ right[:count, after].T) @ left[:count, after]
            w = x - (0.5 * (x @ v.T) @ t) @ v
            for place, parts in ((left, (v, w)), (right, (w, v))):
                for part, end in zip(parts, (count + len(t), count + 2 * len(t)), strict=True):
                    place[end - len(t) : end, after] = part
            count += 2 * len(t)
            done.append(Reflections(first, v.astype(np.float32), t.astype(np.float32)))
        after = slice(firsts[-1] - start + BAND, None)
        _subtract(matrix, firsts[-1], (left[:count, after],), (right[:count, after],))
    return done


def undo(matrix: Singles, reflections: list[Reflections]) -> None:
    """Q A Q^T for the product Q of all reflections and a symmetric A: its lower triangle, in place; uses them up."""
    size = len(matrix)
    _mirror_squares(matrix)
    while reflections:
        strip, group = reflections[-1].first // _UNDONE, list[Reflections]()
        while reflections and reflections[-1].first // _UNDONE == strip:
            group.insert(0, reflections.pop())
        first, v, t = _combined(group)
        group.clear()
        w = _product(matrix, first, t @ v)
        w -= (0.5 * (w @ v.T) @ t.T) @ v
        _subtract(matrix, first, (v, w), (w, v))
        vt, beside = t.T @ v, v @ matrix[first:, :first]
        for s, e in _strips(first, size):
            matrix[s:e, :first] -= vt[:, s - first : e - first].T @ beside


def mirror(matrix: Singles) -> None:
    """Make a matrix symmetric, of which the lower triangle is, and squares on the diagonal are but for rounding."""
    for s in range(0, len(matrix), BAND):
        e = s + BAND
        matrix[s:e, s:e] = (matrix[s:e, s:e] + matrix[s:e, s:e].T) / 2
        for first in range(0, s, BAND):  # by squares, whose rows and columns both stay in a cache
            matrix[first : first + BAND, s:e] = matrix[s:e, first : first + BAND].T


# ---------------------------------------------------------------------------------------------------- one of them


def _reflection(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """V and T, and what stays, (k, b), of the columns whose transpose is (b, n), when they are reflected: else zero.

    With orthonormal rows Q and signs S, V = E - S Q for the first rows E of the identity, and T is the inverse of V's
    head (Yamamoto's form; see Ballard and others, "Reconstructing Householder vectors from tall-skinny QR", 2015, also
    for the signs).
    """
    q, r = _orthonormal(rows)
    signs = _signs(q[:, : len(r)].T)
    v = q * -signs[:, None]
    head = v[:, : len(r)]
    head[np.diag_indices(len(r))] += 1.0
    return v, np.ascontiguousarray(np.linalg.inv(head), dtype=np.float64), signs[:, None] * r


def _orthonormal(rows: Floats) -> tuple[Floats, Floats]:
    """Q (k, n) with orthonormal rows and R (k, b), so that R^T Q are some rows (b, n).

    By Cholesky's method, twice, which is all products; by Householder's where rows depend on each other.
    """
    if rows.shape[1] >= len(rows):
        try:
            once = np.linalg.cholesky(rows @ rows.T)
            q = np.linalg.inv(once) @ rows
            gram = q @ q.T
            if abs(gram - np.eye(len(gram))).max() < _SKEW:
                again = np.linalg.cholesky(gram)
                return np.linalg.inv(again) @ q, (once @ again).T
        except np.linalg.LinAlgError:
            pass
    q, r = np.linalg.qr(rows.T)
    return np.ascontiguousarray(q.T), r


def _signs(head: Floats) -> Floats:
    """Signs s, so that head - diag(s) is eliminated with pivots of at least one."""
    rest, signs = head.copy(), np.empty(len(head))
    for k in range(len(rest)):
        signs[k] = -1.0 if rest[k, k] >= 0 else 1.0
        rest[k + 1 :, k] /= rest[k, k] - signs[k]
        rest[k + 1 :, k + 1 :] -= rest[k + 1 :, k, None] * rest[k, k + 1 :]
    return signs


def _combined(several: list[Reflections]) -> Reflections:
    """The product of reflections, as one."""
    first, width = several[0].first, 0
    v = np.zeros((sum(len(one.t) for one in several), several[0].v.shape[1]), np.float32)
    t = np.zeros((len(v), len(v)), np.float32)
    for one in several:
        here, right = slice(width, width + len(one.t)), slice(one.first - first, None)
        v[here, right], t[here, here] = one.v, one.t
        t[:width, here] = -t[:width, :width] @ (v[:width, right] @ one.v.T) @ one.t
        width = here.stop
    return Reflections(first, v, t)


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


def _product(matrix: NDArray[Any], first: int, rows: NDArray[Any]) -> NDArray[Any]:
    """The product of rows (k, n) and the symmetric matrix from row and column `first` on."""
    result = np.zeros(rows.shape, rows.dtype)
    for s, e in _strips(first, len(matrix)):
        here = slice(s - first, e - first)
        result[:, : e - first] += rows[:, here] @ matrix[s:e, first:e]
        result[:, here] += rows[:, : s - first] @ matrix[s:e, first:s].T
    return result


def _subtract(matrix: NDArray[Any], first: int, left: Sequence[NDArray[Any]], right: Sequence[NDArray[Any]]) -> None:
    """Take the sum of all left^T @ right, symmetric, off the matrix from row and column `first` on."""
    room = zeros((_STRIP * (len(matrix) - first),), matrix.dtype)
    for s, e in _strips(first, len(matrix)):
        product = room[: (e - s) * (e - first)].reshape(e - s, e - first)
        for one, other in zip(left, right, strict=True):
            np.matmul(one[:, s - first : e - first].T, other[:, : e - first], out=product)
            matrix[s:e, first:e] -= product
