"""What looks at the pixels around each, and colors that no matrix describes."""

from __future__ import annotations

from imagefeed.array_ops.base import dims
from imagefeed.array_ops.places import sample_bilinear, sample_nearest, take_axis
from imagefeed.effects import Filter, Hsv, Median
from imagefeed.errors import PlanError
from imagefeed.ops import Remap
from imagefeed.types import Array, Border, Namespace


def check_color(images: Array, what: str) -> None:
    """Raise PlanError unless the pictures have 1 or 3 channels."""
    if images.shape[-1] not in (1, 3):
        raise PlanError(f"{what} takes 1 or 3 channels, but the picture has {images.shape[-1]}")


def hsv(images: Array, op: Hsv, xp: Namespace) -> Array:
    """Hue turned, saturation and value bent, in the hexcone of Smith, "Color gamut transform pairs" (1978).

    A gray picture has a value only.
    """
    check_color(images, "a hue")
    images = xp.clip(images, 0.0, 255.0) / 255.0
    saturation, value = (xp.asarray(a, dtype=images.dtype)[:, None, None, :] for a in (op.saturation, op.value))
    high = xp.max(images, axis=-1)
    v = xp.clip(high ** value[..., 0] * value[..., 1], 0.0, 1.0)
    if images.shape[-1] == 1:
        return v[..., None] * 255.0
    red, green, blue = (images[..., k] for k in range(3))
    chroma = high - xp.min(images, axis=-1)
    scale = 1.0 / xp.where(chroma > 0.0, chroma, 1.0)
    others = xp.where(green == high, (blue - red) * scale + 2.0, (red - green) * scale + 4.0)
    sixths = xp.where(red == high, (green - blue) * scale, others)
    sixths = _wrapped(sixths + xp.asarray(op.hue, dtype=images.dtype)[:, None, None] * 6.0, xp)
    s = (chroma / xp.where(high > 0.0, high, 1.0)) ** saturation[..., 0] * saturation[..., 1]
    s = xp.clip(s, 0.0, 1.0)
    channels: list[Array] = []
    for offset in (5.0, 3.0, 1.0):
        k = _wrapped(sixths + offset, xp)
        rise = xp.clip(xp.minimum(k, 4.0 - k), 0.0, 1.0)
        channels.append(v * (1.0 - s * rise))
    return xp.stack(channels, axis=-1) * 255.0


def _wrapped(sixths: Array, xp: Namespace) -> Array:
    return sixths - xp.floor(sixths / 6.0) * 6.0


def padded(images: Array, reach: int, border: Border, xp: Namespace) -> Array:
    """`reach` more pixels on each side."""
    for axis in (1, 2):
        index = xp.arange(-reach, dims(images, xp)[axis] + reach, dtype=xp.int32)
        images = take_axis(images, index, axis, border, 0.0, xp)
    return images


def filtered(images: Array, op: Filter, xp: Namespace) -> Array:
    """The sum over a kernel of weight times neighbor, not mirrored (a correlation), clipped."""
    kernel = xp.asarray(op.kernel, dtype=images.dtype)
    side = op.kernel.shape[2]
    _, height, width, _ = dims(images, xp)
    around = padded(images, side // 2, "reflect", xp)
    result = images * 0.0
    if op.separable:
        rows = around[:, :height, ...] * 0.0
        for k in range(side):
            rows = rows + around[:, k : k + height, ...] * kernel[:, 0, k][:, None, None, None]
        for k in range(side):
            result = result + rows[:, :, k : k + width, :] * kernel[:, 1, k][:, None, None, None]
        return xp.clip(result, 0.0, 255.0)
    for y in range(side):
        for x in range(side):
            weight = kernel[:, y, x][:, None, None, None]
            result = result + around[:, y : y + height, x : x + width, :] * weight
    return xp.clip(result, 0.0, 255.0)


def median(images: Array, op: Median, xp: Namespace) -> Array:
    """The middle one of the rounded levels in a square."""
    _, height, width, _ = dims(images, xp)
    images = xp.clip(xp.round(images), 0.0, 255.0)
    size = xp.asarray(op.size)[:, None, None, None]
    result = images
    for side in (3, 5, 7):
        around = padded(images, side // 2, "replicate", xp)
        shifted = [around[:, y : y + height, x : x + width, :] for y in range(side) for x in range(side)]
        middle = xp.sort(xp.stack(shifted, axis=-1), axis=-1)[..., side * side // 2]
        result = xp.where(size == side, middle, result)
    return result


def displacement(op: Remap, y: Array, x: Array, xp: Namespace) -> Array:
    """A field between its nodes.

    Args:
        op: The op; its field is (n, gh, gw, 2).
        y: Float (h,), places from 0 at the first node to 1 at the last.
        x: Float (w,), likewise.
        xp: The namespace of the places.

    Returns:
        Float (n, h, w, 2): by how many pixels (x, y) the place that is read lies beside each of these.
    """
    field = xp.asarray(op.field, dtype=y.dtype)
    for axis, place in ((1, y), (2, x)):
        nodes = field.shape[axis]
        at = place * (nodes - 1.0)
        node = xp.clip(xp.floor(at), 0.0, float(max(nodes - 2, 0)))
        t = at - node
        u = 1.0 - t
        weights = [u * 0.0, u, t, t * 0.0]
        if op.smooth:
            near = [(3.0 * v * v * v - 6.0 * v * v + 4.0) / 6.0 for v in (t, u)]
            weights = [u * u * u / 6.0, *near, t * t * t / 6.0]
        total: Array = 0.0
        for k, weight in enumerate(weights):
            index = xp.clip(xp.astype(node, xp.int32) + (k - 1), 0, nodes - 1)
            shape = [1, 1, 1, 1]
            shape[axis] = -1
            total = total + xp.take(field, index, axis=axis) * xp.reshape(weight, shape)
        field = total
    return field


def remap(images: Array, op: Remap, xp: Namespace) -> Array:
    """Every pixel from a little beside it."""
    _, height, width, _ = dims(images, xp)
    rows = xp.arange(height, dtype=images.dtype)
    columns = xp.arange(width, dtype=images.dtype)
    shift = displacement(op, (rows + 0.5) / height, (columns + 0.5) / width, xp)
    x, y = columns[None, None, :] + shift[..., 0], rows[None, :, None] + shift[..., 1]
    if op.interpolation == "nearest":
        return sample_nearest(images, x + 0.5, y + 0.5, op.border, op.fill, xp)
    return sample_bilinear(images, x, y, op.border, op.fill, xp)
