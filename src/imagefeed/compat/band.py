"""A symmetric band of blocks, and sums of the inverses of what it is when shifted."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.pages import zeros
from imagefeed.memory import available_cores

Floats: TypeAlias = NDArray[np.float64]

# So many rows of a sum of products are made at once.
_ROWS = 256
# Random vectors, and how often they are multiplied by an inverse, to find the largest eigenvalue of that.
_VECTORS = 8
_TIMES = 8
# All these vectors are nearly orthogonal to one direction, by a part below this in each, about once in 10^9.
_BESIDE = 0.1


class Band(NamedTuple):
    """A symmetric matrix in which only blocks on the diagonal and beside it are not zero.

    Attributes:
        diagonal: (b, b), symmetric; the last may be smaller.
        below: Those under it, one fewer, (b, b); the last may have fewer rows.
    """

    diagonal: list[Floats]
    below: list[Floats]

    @classmethod
    def of(cls, matrix: Floats, width: int) -> Band:
        """The lower triangle of a band as blocks, which are copies."""
        starts = range(0, len(matrix), width)
        corners = (matrix[s : s + width, s : s + width] for s in starts)
        diagonal = [np.tril(corner) + np.tril(corner, -1).T for corner in corners]
        return cls(diagonal, [matrix[s : s + width, s - width : s].copy() for s in starts[1:]])

    def least(self, shift: float) -> float:
        """A lower bound of the smallest eigenvalue plus `shift`, at least a third of it; 0 < shift.

        It is found by the power method, from vectors that are random but always the same.
        """
        inverses, steps = self._empty(1), self._empty(1)
        self._eliminate(inverses, steps, np.array([shift]))
        vectors = np.random.default_rng(0).normal(size=(inverses.shape[2], _VECTORS))
        logarithm = 0.0
        for _ in range(_TIMES):
            vectors = self._solve(inverses[0], steps[0], vectors)
            size = float(np.linalg.norm(vectors, axis=0).max())
            vectors /= size
            logarithm += float(np.log(size))
        return float(np.exp((np.log(_BESIDE) - logarithm) / _TIMES))

    def add_inverses(self, total: NDArray[Any], poles: Floats, weights: Floats) -> None:
        """Add the inverses of band + pole, each times its weight, to the lower triangle of `total` (and to some above).

        From block to block, both ways, come the blocks D on the diagonal of an inverse, and the F that its block rows
        differ by: of an inverse, block (j, i) is F_j ... F_(i-1) D_i for j < i. So of what is right of the diagonal,
        each half of a half (and so on) is a product of two thin matrices, and all poles are added in one.

        Args:
            total: (d, d).
            poles: (k,), above 0.
            weights: (k,).
        """
        right, left = self._empty(len(poles)), self._empty(len(poles))
        threads = min(available_cores(), len(poles))
        ends = [len(poles) * k // threads for k in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:  # these are small products, which NumPy's library does in one thread
            for done in [
                pool.submit(self._invert, right[first:last], left[first:last], poles[first:last])
                for first, last in itertools.pairwise(ends)
            ]:
                done.result()
        right *= weights[:, None, None]
        for k, block in enumerate(self.diagonal):
            columns = self._columns(k)
            total[columns, columns] += right[:, : len(block), columns].sum(axis=0)
        self._add_products(total, right, left, 0, len(self.diagonal))

    # ---------------------------------------------------------------------------------------------- its parts

    def _columns(self, first: int, last: int | None = None) -> slice:
        """Of the blocks from `first` to before `last`."""
        width = len(self.diagonal[0])
        return slice(first * width, min((first + 1 if last is None else last) * width, self._size))

    @property
    def _size(self) -> int:
        return sum(map(len, self.diagonal))

    def _empty(self, count: int) -> Floats:
        """Room for a block of every place of the band, `count` times: (count, b, d)."""
        return zeros((count, len(self.diagonal[0]), self._size), np.float64)

    def _step(self, steps: Floats, k: int) -> Floats:
        """F of block k, (count, b, b)."""
        return steps[:, : len(self.below[k]), self._columns(k)].mT

    def _eliminate(self, inverses: Floats, steps: Floats, poles: Floats) -> None:
        """Write the inverse of every block less what those before it take away, and all F, transposed."""
        taken: Floats | float = 0.0
        for k, block in enumerate(self.diagonal):
            columns = self._columns(k)
            shifted = block + poles[:, None, None] * np.eye(len(block)) - taken
            factor = np.linalg.inv(np.linalg.cholesky(shifted))
            inverses[:, : len(block), columns] = factor.mT @ factor
            if k < len(self.below):
                solved = factor @ self.below[k].T
                steps[:, : solved.shape[2], columns] = -solved.mT @ factor
                taken = solved.mT @ solved

    def _invert(self, inverses: Floats, steps: Floats, poles: Floats) -> None:
        """Write the blocks on the diagonal of every inverse, and all F, transposed."""
        self._eliminate(inverses, steps, poles)
        inner = inverses[:, : len(self.diagonal[-1]), self._columns(len(self.diagonal) - 1)]
        for k in reversed(range(len(self.below))):
            step = self._step(steps, k)
            block = inverses[:, :, self._columns(k)]
            block += step @ inner @ step.mT
            inner = block

    def _solve(self, inverses: Floats, steps: Floats, vectors: Floats) -> Floats:
        """The product of the inverse and vectors, (d, k)."""
        solved = vectors.copy()
        for k, one in enumerate(self.below):
            solved[self._columns(k + 1)] += steps[: len(one), self._columns(k)] @ solved[self._columns(k)]
        for k in reversed(range(len(self.diagonal))):
            columns = self._columns(k)
            solved[columns] = inverses[: len(self.diagonal[k]), columns] @ solved[columns]
            if k < len(self.below):
                solved[columns] += steps[: len(self.below[k]), columns].T @ solved[self._columns(k + 1)]
        return solved

    def _add_products(self, total: NDArray[Any], right: Floats, left: Floats, first: int, last: int) -> Floats | None:
        """Add what is left of the diagonal within the blocks from `first` to before `last`.

        Afterwards the columns of `right` are F_first ... F_(i-1) D_i, and those of `left` F_j ... F_(last-1),
        transposed.

        Returns:
            F_first ... F_(last-1), but for the last block of the band.
        """
        if last - first == 1:
            return self._step(left, first) if first < len(self.below) else None
        middle = (first + last) // 2
        before = self._add_products(total, right, left, first, middle)
        after = self._add_products(total, right, left, middle, last)
        assert before is not None
        here, there = self._columns(first, middle), self._columns(middle, last)
        beside = left[:, :, here].reshape(-1, here.stop - here.start)
        # By pieces: the product of all rows would be as large as a quarter of `total`.
        for start in range(there.start, there.stop, _ROWS):
            rows = slice(start, min(start + _ROWS, there.stop))
            total[rows, here] += right[:, :, rows].reshape(len(beside), -1).T @ beside
        del beside
        product = None if after is None else before @ after
        right[:, :, there] = before @ right[:, : before.shape[2], there]
        if after is not None:
            left[:, : after.shape[2], here] = after.mT @ left[:, : after.shape[1], here]
        return product
