"""Where the pixels of an augmented picture come from.

Matrices are SciPy's: (n, 2, 3), from output (row, column) to input (row, column), whole numbers at the pixels' centres.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.draws import Draws

Floats: TypeAlias = NDArray[np.float64]


def index_matrices(draws: Draws, height: int, width: int, *, exchanged: bool) -> Floats:
    """The affine parts of some draws; flips and crops come later.

    Args:
        draws: For n pictures.
        height: Of the pictures.
        width: Of the pictures.
        exchanged: As Keras 3 does it: the first axis of a transformation is x, so that tx (drawn from the height's
            range) moves columns, and half the height is the centre of x. Otherwise the first axis is the rows.

    Returns:
        float64 (n, 2, 3). Equal to the bit to what Keras hands to SciPy, if exchanged.
    """
    theta, shear = np.deg2rad(draws.theta), np.deg2rad(draws.shear)
    rotation = _matrices(len(theta), {(0, 0): np.cos(theta), (0, 1): -np.sin(theta), (1, 0): np.sin(theta), (1, 1): np.cos(theta)})
    shift = _matrices(len(theta), {(0, 2): draws.tx, (1, 2): draws.ty})
    slant = _matrices(len(theta), {(0, 1): -np.sin(shear), (1, 1): np.cos(shear)})
    zoom = _matrices(len(theta), {(0, 0): draws.zx, (1, 1): draws.zy})
    first, second = height / 2 - 0.5, width / 2 - 0.5
    there = np.array([[1, 0, first], [0, 1, second], [0, 0, 1]])
    back = np.array([[1, 0, -first], [0, 1, -second], [0, 0, 1]])
    matrix = there @ (rotation @ shift @ slant @ zoom) @ back
    if exchanged:
        matrix = matrix[:, [1, 0, 2]][:, :, [1, 0, 2]]
    return matrix[:, :2]


def flipped(matrix: Floats, draws: Draws, height: int, width: int) -> Floats:
    """The matrices after which the flips of `draws` are done to a picture of that size."""
    matrix = matrix.copy()
    for axis, (flip, extent) in enumerate(((draws.flip_vertical, height), (draws.flip_horizontal, width))):
        matrix[flip, :, 2] += matrix[flip, :, axis] * (extent - 1)
        matrix[flip, :, axis] *= -1.0
    return matrix


def cropped(matrix: Floats, draws: Draws, room: tuple[int, int]) -> Floats:
    """The matrices of crops that begin at most `room` pixels down and to the right."""
    if draws.crop is None:
        return matrix
    begin = np.minimum(np.floor(draws.crop * (np.array(room) + 1)), room)
    matrix = matrix.copy()
    matrix[:, :, 2] += np.einsum("nij,nj->ni", matrix[:, :, :2], begin)
    return matrix


def identity(count: int) -> Floats:
    """The matrices that change nothing."""
    return np.tile(np.eye(2, 3), (count, 1, 1))


def continuous(matrix: Floats, boxes: NDArray[np.int64], size: tuple[int, int]) -> Floats:
    """The same warp and the resize before it, as one of imagefeed's own matrices.

    Args:
        matrix: float64 (n, 2, 3), on pictures of `size`.
        boxes: int64 (n, 4): y0, x0, y1, x1 of what the resize makes a picture of `size` from.
        size: (height, width).

    Returns:
        float64 (n, 3, 3), on points (x, y, 1) whose first pixel covers [0, 1).
    """
    result = np.zeros((len(matrix), 3, 3))
    result[:, 2, 2] = 1.0
    # Points (x, y) for (row, column); the centre of the first pixel lies at one half.
    result[:, :2, :2] = matrix[:, ::-1, 1::-1]
    result[:, :2, 2] = matrix[:, ::-1, 2] + 0.5 - 0.5 * (matrix[:, ::-1, 0] + matrix[:, ::-1, 1])
    corner, extent = boxes[:, 1::-1], boxes[:, :1:-1] - boxes[:, 1::-1]
    scale = extent / np.array(size)[::-1]
    result[:, :2] *= scale[:, :, None]
    result[:, :2, 2] += corner
    return result


def _matrices(count: int, entries: dict[tuple[int, int], Floats]) -> Floats:
    result = np.tile(np.eye(3), (count, 1, 1))
    for (row, column), values in entries.items():
        result[:, row, column] = values
    return result
