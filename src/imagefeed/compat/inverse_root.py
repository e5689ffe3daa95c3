"""The inverse root of a large covariance matrix, without its eigenvectors.

Eigenvectors take most of a whitening's time, and only their sum is wanted. So the matrix is reduced to a band (Bischof,
Lang and Sun, "A framework for symmetric band reduction", 2000), which is all products of matrices; the function of the
band is a sum of inverses of shifted bands (partial fractions, as in Hale, Higham and Trefethen, "Computing A^a, log(A),
and related matrix functions by contour integrals", 2008), which are found from block to block; and the reflections are
undone, in single precision, since what comes out has no more digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

_BAND = 64
_STRIP = 512  # rows of a matrix that are changed at once
_POLES = 32  # partial fractions: the relative error is below 1e-6
_TOGETHER = 4  # of them
# The smallest poles are at the rounding error of a d x d matrix, d times that of its norm. The roots of so many times
# that are the smallest singular values that are told from zero: with d = 3072, 5e-6 of the largest.
_ROOM = 32.0


class _Reflections(NamedTuple):
    """The orthogonal matrix I - V T V^T on the rows from `first` on.

    Attributes:
        first: The first row.
        v: (d - first, k), unit lower trapezoidal.
        t: (k, k), upper triangular.
    """

    first: int
    v: NDArray[Any]
    t: NDArray[Any]


def inverse_root(matrix: Floats, epsilon: float) -> Singles:
    """The inverse of A^(1/2) + epsilon, (d, d).

    Args:
        matrix: A, (d, d), symmetric, without negative eigenvalues; overwritten. Eigenvalues that its rounding errors
            hide are taken for about as large as these.
        epsilon: At least 0.
    """
    reflections = _reduce(matrix)
    diagonal = [_mirrored(matrix[s : s + _BAND, s : s + _BAND]) for s in range(0, len(matrix), _BAND)]
    below = [matrix[s : s + _BAND, s - _BAND : s] for s in range(_BAND, len(matrix), _BAND)]
    norm = 3 * max(float(abs(block).sum(axis=1).max()) for block in diagonal + below) or 1.0
    poles, weights = _fractions(max(len(matrix), _BAND) * np.finfo(np.float64).eps * norm, norm, epsilon)
    result = np.zeros(matrix.shape, np.float32)
    for first in range(0, _POLES, _TOGETHER):
        chosen = slice(first, first + _TOGETHER)
        _add_inverses(result, diagonal, below, poles[chosen], weights[chosen])
    _undo(result, reflections)
    for s in range(0, len(result), _BAND):
        e = s + _BAND
        result[s:e, s:e] = _mirrored(result[s:e, s:e])
        result[s:e, e:] = result[e:, s:e].T
    return result


def _fractions(least: float, most: float, epsilon: float) -> tuple[Floats, Floats]:
    """Poles p and weights w, so that the sum of w / (a + p) is 1 / (sqrt(a) + epsilon) for a up to `most`."""
    poles = np.geomspace(least, most * _ROOM, _POLES)
    at = np.geomspace(least * _ROOM, most, 10 * _POLES)
    parts = (np.sqrt(at) + epsilon)[:, None] / (at[:, None] + poles)
    size = np.linalg.norm(parts, axis=0)
    solve = cast("Callable[..., tuple[Floats, ...]]", np.linalg.lstsq)  # NumPy leaves a part of its type out
    return poles, solve(parts / size, np.ones(len(at)), rcond=None)[0] / size


# ---------------------------------------------------------------------------------------------------- reflections


def _reduce(matrix: Floats) -> list[_Reflections]:
    """Make a symmetric matrix a band, by reflections from both sides. Only its lower triangle is read and written."""
    done: list[_Reflections] = []
    for first in range(_BAND, len(matrix), _BAND):
        panel = matrix[first:, first - _BAND : first]
        raw, tau = np.linalg.qr(panel, mode="raw")
        panel[:] = np.triu(raw.T)
        v = np.tril(raw.T[:, : len(tau)], -1)
        np.fill_diagonal(v, 1.0)
        t = _joined(v, tau)
        _reflect(matrix[first:, first:], v, t)
        done.append(_Reflections(first, v, t))
    return done


def _joined(v: Floats, tau: Floats) -> Floats:
    """The T of Householder vectors (Schreiber and Van Loan, 1989)."""
    t = np.zeros((len(tau), len(tau)))
    products = v.T @ v
    for k, factor in enumerate(tau):
        t[:k, k] = -factor * (t[:k, :k] @ products[:k, k])
        t[k, k] = factor
    return t


def _undo(lower: Singles, reflections: list[_Reflections]) -> None:
    """Q A Q^T for the product Q of all reflections and a symmetric A, of which the lower triangle is used."""
    for k in reversed(range(0, len(reflections), 2)):
        first, v, t = _combined(reflections[k : k + 2])
        _reflect(lower[first:, first:], v, t.T)
        beside = lower[first:, :first]
        vt = v @ t
        for s in range(0, first, _STRIP):
            strip = beside[:, s : s + _STRIP]
            strip -= vt @ (v.T @ strip)


def _combined(pair: list[_Reflections]) -> _Reflections:
    """The product of one or two reflections, as one, in single precision."""
    one, *others = (_Reflections(first, v.astype(np.float32), t.astype(np.float32)) for first, v, t in pair)
    for other in others:
        v = np.zeros((len(one.v), len(one.t) + len(other.t)), np.float32)
        v[:, : len(one.t)] = one.v
        v[other.first - one.first :, len(one.t) :] = other.v
        between = -one.t @ (one.v.T @ v[:, len(one.t) :]) @ other.t
        t = np.block([[one.t, between], [np.zeros_like(between.T), other.t]])
        one = _Reflections(one.first, v, t)
    return one


def _reflect(lower: NDArray[Any], v: NDArray[Any], t: NDArray[Any]) -> None:
    """Q^T A Q for Q = I - V T V^T and a symmetric A, of which the lower triangle is read and written."""
    x = np.zeros_like(v)
    _add_product(x, lower, v @ t)
    w = x - v @ (0.5 * (t.T @ (v.T @ x)))
    left, right = np.hstack((v, w)), np.hstack((w, v))
    for s in range(0, len(lower), _STRIP):
        e = s + _STRIP
        lower[s:e, :e] -= left[s:e] @ right[:e].T


def _add_product(result: NDArray[Any], lower: NDArray[Any], v: NDArray[Any]) -> None:
    """Add A V for a symmetric A of which the lower triangle is read."""
    half = len(lower) // 2
    if half < _BAND:
        result += _mirrored(lower) @ v
        return
    corner = lower[half:, :half]
    result[:half] += corner.T @ v[half:]
    result[half:] += corner @ v[:half]
    _add_product(result[:half], lower[:half, :half], v[:half])
    _add_product(result[half:], lower[half:, half:], v[half:])


def _mirrored(lower: NDArray[Any]) -> NDArray[Any]:
    return np.tril(lower) + np.tril(lower, -1).T


# ---------------------------------------------------------------------------------------------------- inverses


def _add_inverses(total: Singles, diagonal: list[Floats], below: list[Floats], poles: Floats, weights: Floats) -> None:
    """Add the inverses of band + pole, each times its weight, to the lower triangle of `total`.

    Args:
        total: (d, d).
        diagonal: The blocks of the band on the diagonal.
        below: Those under it.
        poles: (k,), above 0.
        weights: (k,).
    """
    steps: list[tuple[Floats, Floats | None]] = []
    carried: Floats | float = 0.0
    for k, block in enumerate(diagonal):  # block Cholesky, from the first block to the last
        factor = np.linalg.inv(np.linalg.cholesky(block + poles[:, None, None] * np.eye(len(block)) - carried))
        inverse = factor.mT @ factor * weights[:, None, None]
        if k == len(below):
            steps.append((inverse, None))
            break
        solved = factor @ below[k].T
        carried = solved.mT @ solved
        steps.append((inverse, solved.mT @ factor))
    columns, following = np.zeros((2, len(poles), len(total), _BAND))
    for k in reversed(range(len(diagonal))):  # and the columns of the inverse, from the last to the first
        inverse, step = steps[k]
        s, e, width = k * _BAND, k * _BAND + len(diagonal[k]), len(diagonal[k])
        if step is None:
            columns[:, s:, :width] = inverse
        else:
            height = step.shape[1]
            np.matmul(following[:, e:, :height], -step, out=columns[:, e:])
            columns[:, s:e] = inverse - step.mT @ columns[:, e : e + height]
        total[s:, s:e] += columns[:, s:, :width].sum(axis=0)
        columns, following = following, columns
