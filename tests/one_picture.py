"""What tests of one transform and one picture share."""

import numpy as np
import scipy.ndimage
from PIL import Image

from imagefeed import Pipeline, Transform, _native
from imagefeed.plan import Plan, plan
from imagefeed.program import program

RNG = np.random.default_rng(7)


def photo(height: int = 61, width: int = 83, channels: int = 3) -> np.ndarray:
    """Something with edges, slopes, noise and all levels."""
    image = scipy.ndimage.gaussian_filter(RNG.normal(0, 700, (height, width, channels)), (3, 3, 0)) + 127
    image[height // 3 : height // 2, width // 4 : width // 2] += 90
    return np.clip(image + RNG.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def planned(transform: Transform, image: np.ndarray, seed: int = 0, record: int = 0) -> Plan:
    stage = Pipeline([transform]).stages()[0]
    return plan(stage, np.array([image.shape[:2]]), np.array([record]), seed=seed, epoch=0)


def done(transform: Transform, image: np.ndarray, dtype: str = "uint8", seed: int = 0, record: int = 0) -> np.ndarray:
    result = planned(transform, image, seed, record)
    records, pool = _native.Records(1), _native.Pool(1)
    records.set_array(0, image)
    out = np.empty((1, *result.sizes[0], image.shape[2]), dtype)
    job = pool.render(records, program(result, color=True, dtype=dtype, layout="nhwc"), 0, out)
    while not job.wait(1000):
        continue
    assert job.faults() == []
    return out[0]


def pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image if image.shape[2] == 3 else image[..., 0])


def same(ours: np.ndarray, theirs: np.ndarray | Image.Image, most: float = 0) -> None:
    off = abs(ours.astype(float) - np.asarray(theirs).reshape(ours.shape).astype(float))
    assert off.max() <= most
