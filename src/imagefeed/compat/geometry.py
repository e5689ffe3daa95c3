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
        float64 (n, 2, 3).
    """
    theta, shear = np.deg2rad(draws.theta), np.deg2rad(draws.shear)
    cos, sin, along, across = np.cos(theta), np.sin(theta), np.cos(shear), np.sin(shear)
    matrix = np.empty((len(theta), 2, 3))
    # Rotation after shift after shear after zoom, multiplied out.
    matrix[:, 0, 0] = cos * draws.zx
    matrix[:, 0, 1] = (-cos * across - sin * along) * draws.zy
    matrix[:, 1, 0] = sin * draws.zx
    matrix[:, 1, 1] = (-sin * across + cos * along) * draws.zy
    matrix[:, 0, 2] = cos * draws.tx - sin * draws.ty
    matrix[:, 1, 2] = sin * draws.tx + cos * draws.ty
    first, second = height / 2 - 0.5, width / 2 - 0.5
    matrix[:, 0, 2] += first
    matrix[:, 1, 2] += second
    matrix[:, :, 2] -= matrix[:, :, 0] * first + matrix[:, :, 1] * second
    if exchanged:
        matrix = matrix[:, ::-1][:, :, [1, 0, 2]]
    return matrix


def flipped(matrix: Floats, draws: Draws, height: int, width: int) -> Floats:
    """The matrices after which the flips of `draws` are done to a picture of that size."""
    matrix = matrix.copy()
    for axis, (flip, extent) in enumerate(((draws.flip_vertical, height), (draws.flip_horizontal, width))):
        matrix[:, :, 2] += matrix[:, :, axis] * (flip * (extent - 1.0))[:, None]
        matrix[:, :, axis] *= (1.0 - 2.0 * flip)[:, None]
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
