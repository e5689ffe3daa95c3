"""ZCA whitening within a bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.inverse_root import inverse_root


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
        self._sum = None if self._few else np.zeros((values, values))

    def add(self, rows: NDArray[Any]) -> None:
        """Add pictures, (n, values), centered."""
        if self._sum is None:
            self._rows.append(rows.astype(np.float64))
            return
        for first in range(0, len(rows), len(self._sum)):  # a copy in double precision as large as the sum, not larger
            exact = rows[first : first + len(self._sum)].astype(np.float64)
            self._sum += exact.T @ exact

    def whitening(self, epsilon: float) -> NDArray[np.float32]:
        """The whitening matrix, (values, values); to be asked for once, since it takes the place of the sum.

        Args:
            epsilon: What is added to singular values before they are divided by.
        """
        if self._sum is not None:
            matrix, self._sum = self._sum, None  # overwritten
            return inverse_root(matrix, epsilon) * np.float32(np.sqrt(self._count))
        rows = np.concatenate(self._rows)
        squares, left = np.linalg.eigh(rows @ rows.T)
        vectors = rows.T @ (left / np.sqrt(np.maximum(squares, np.finfo(np.float64).tiny)))
        vectors *= np.sqrt(np.sqrt(self._count) / (np.sqrt(np.maximum(squares, 0.0)) + epsilon))
        half = vectors.astype(np.float32)  # what is returned has no more digits
        return half @ half.T
