"""ZCA whitening within a bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.compat.inverse_root import Reduced
from imagefeed.compat.pages import zeros
from imagefeed.memory import available_cores

_STRIP = 512


class Covariance:
    """Products of pictures' values, summed piece by piece.

    The whitening matrix is U diag(sqrt(n) / (s + epsilon)) U^T for the singular values s and left singular vectors U of
    the n pictures as columns of d values. U and s² are the eigenvectors and eigenvalues of the sum of their outer
    products, which is d x d however many pictures there are: an inverse root of it, which takes no eigenvectors. With
    fewer pictures than values it is found from their inner products.
    """

    def __init__(self, values: int, count: int) -> None:
        """
        Args:
            values: How many a picture has.
            count: How many pictures will be added.
        """
        self._count = count
        self._few = count < values
        self._rows: list[NDArray[np.float64]] = []
        self._sum = None if self._few else zeros((values, values), np.float64, partly=True)

    def add(self, rows: NDArray[Any]) -> None:
        """Add pictures, (n, values), centered."""
        if self._sum is None:
            self._rows.append(rows.astype(np.float64))
            return
        for first in range(0, len(rows), len(self._sum)):  # a copy in double precision as large as the sum, not larger
            exact = rows[first : first + len(self._sum)].astype(np.float64)
            for s, e in self._strips():
                self._sum[s:e, :e] += exact[:, s:e].T @ exact[:, :e]

    def add_bytes(self, pictures: NDArray[np.uint8], scale: float, mean: NDArray[Any]) -> None:
        """Add all pictures at once, which are bytes, (n, values), times `scale` and less `mean`, (values,).

        Products of bytes are whole numbers, which are summed exactly.
        """
        if self._sum is None:
            self.add(pictures * np.float64(scale) - mean)
            return
        given = np.ascontiguousarray(pictures), scale, mean.astype(np.float64), self._sum
        cores = available_cores()
        with ThreadPoolExecutor(cores) as pool:
            for done in [pool.submit(_native.add_byte_products, *given, turn, cores) for turn in range(cores)]:
                done.result()

    def _strips(self) -> Iterator[tuple[int, int]]:
        """Rows that are summed at once: what is right of their square on the diagonal follows from the rest."""
        assert self._sum is not None
        for first in range(0, len(self._sum), _STRIP):
            yield first, min(first + _STRIP, len(self._sum))

    def whitening(self, epsilon: float) -> NDArray[np.float32]:
        """The whitening matrix, (values, values); to be asked for once, since it takes the place of the sum.

        Args:
            epsilon: What is added to singular values before they are divided by.
        """
        if self._sum is not None:
            reduced, self._sum = Reduced.of(self._sum), None  # its memory is needed for what comes
            result = reduced.inverse_root(epsilon)
            result *= np.float32(np.sqrt(self._count))
            return result
        rows = np.concatenate(self._rows)
        squares, left = np.linalg.eigh(rows @ rows.T)
        vectors = rows.T @ (left / np.sqrt(np.maximum(squares, np.finfo(np.float64).tiny)))
        vectors *= np.sqrt(np.sqrt(self._count) / (np.sqrt(np.maximum(squares, 0.0)) + epsilon))
        half = vectors.astype(np.float32)  # what is returned has no more digits
        return half @ half.T
