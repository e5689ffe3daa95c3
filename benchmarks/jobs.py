"""The jobs: what is measured, on which files, with which parameters, and what we promise.

A job says what must come out. How a system gets there is in ``systems/``, one file per system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Job:
    """The same work, asked of every system. `short` heads a column, `title` a page's section.

    `work` names the function that a system's file offers for it, `dataset` the scratch files (see
    `scratch_files.py`), `measure` how it is timed (see `measures/`); `points` are numbers of threads or of records,
    at each of which it is timed, `fitted` how many pictures are measured, `memory_limit` how many bytes a process
    may have. `degrees`, `shift` (fractions of the picture) and `area` are ranges of uniform draws, as are `factor`
    (of brightness, contrast and saturation), `hue` (degrees), `sigma` (pixels, of a blur) and `noise` (levels, the
    standard deviation); `short_side` is what a picture is resized to before its middle is cut out, or is kept with;
    `stored` is (height, width) of what is kept; `size` is (height, width) of what comes out, `levels` how many gray
    levels (0–255) one unit of it stands for, `check_draws` how many pictures are compared. `systems` names those
    that take part, where not all that offer the work do. `targets` are the least ratios of our rate to a system's,
    by the system's name; `roof_share` is the least share of the roof's rate and `least_rate` the least rate in
    images a second.
    """

    name: str
    letter: str
    short: str
    title: str
    work: str
    dataset: str
    measure: Literal["rate", "start", "memory", "cache", "limited", "training", "threads", "records", "fit"] = "rate"
    batch_size: int = 32
    size: tuple[int, int] = (224, 224)
    degrees: tuple[float, float] = (-20.0, 20.0)
    shift: tuple[float, float] = (-0.2, 0.2)
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    short_side: int = 256
    stored: tuple[int, int] = (256, 256)
    factor: tuple[float, float] = (0.6, 1.4)
    hue: tuple[float, float] = (-18.0, 18.0)
    sigma: tuple[float, float] = (0.5, 2.0)
    noise: tuple[float, float] = (5.0, 25.0)
    check_draws: int = 1024
    levels: float = 255.0
    points: tuple[int, ...] = ()
    fitted: int | None = None
    memory_limit: int | None = None
    systems: tuple[str, ...] | None = None
    targets: Mapping[str, float] = field(default_factory=dict[str, float])
    roof_share: float | None = None
    least_rate: float | None = None


def each(systems: tuple[str, ...], ratio: float) -> dict[str, float]:
    """The same target for several systems."""
    return dict.fromkeys(systems, ratio)


ALBUMENTATIONS = ("albumentations", "grain", "hub")
"""The loaders that are measured with its transforms."""

JOBS: tuple[Job, ...] = (
    Job(
        name="affine",
        letter="a",
        short="resize, rotate, shift, flip",
        title="500×375 JPEG: resize to 224×224, rotate ±20°, shift ±20 %, flip, rescale to 0–1",
        work="affine",
        dataset="photos",
        targets={"keras": 7.5, "tfdata-layers": 3.5, "dali": 2.5, "dali-plain": 2.5, **each(ALBUMENTATIONS, 2.8)},
        roof_share=0.9,
    ),
    Job(
        name="crop",
        letter="b",
        short="random resized crop, flip",
        title="500×375 JPEG: random resized crop (area 0.08–1) to 224×224, flip, rescale to 0–1",
        work="resized_crop",
        dataset="photos",
        targets={"tfdata": 1.3, "tfdata-fast": 1.3, "dali": 1.5, "dali-plain": 1.5, "ffcv": 1.3},
    ),
    Job(
        name="validation",
        letter="c",
        short="validation: resize, center crop",
        title="500×375 JPEG: resize the short side to 256, antialiased, center crop of 224×224, rescale to 0–1",
        work="validation",
        dataset="photos",
        targets={**each(ALBUMENTATIONS, 1.5), "pillow": 1.5, "dali": 1.0},
    ),
    Job(
        name="large",
        letter="d",
        short="512×512 of 12 megapixels",
        title="12-megapixel JPEG: random 512×512 crop, rescale to 0–1",
        work="crop",
        dataset="large",
        size=(512, 512),
        batch_size=16,
        check_draws=96,
        targets={"pillow": 4.0, "tfdata-whole": 4.0, "dali-whole": 4.0, **each(ALBUMENTATIONS, 4.0)},
    ),
    Job(
        name="arrays",
        letter="e",
        short="32×32 arrays, batches of 32",
        title="32×32 uint8 arrays, batches of 32: rotate ±20°, shift ±20 %, flip, standardize",
        work="arrays",
        dataset="patches",
        size=(32, 32),
        levels=60.0,  # about the standard deviation of photographs, by which these are divided
        targets={"keras": 60.0, "tfdata-layers": 10.0},
        least_rate=100_000,
    ),
    Job(
        name="arrays-256",
        letter="e",
        short="32×32 arrays, batches of 256",
        title="32×32 uint8 arrays, batches of 256: rotate ±20°, shift ±20 %, flip, standardize",
        work="arrays",
        dataset="patches",
        size=(32, 32),
        levels=60.0,  # about the standard deviation of photographs, by which these are divided
        batch_size=256,
        targets={"keras": 60.0, "tfdata-layers": 10.0},
        least_rate=100_000,
    ),
    Job(
        name="pairs",
        letter="f",
        short="picture and mask",
        title="480×360 PNG and its mask (CamVid): random 256×256 crop of both, rescale to 0–1",
        work="pairs",
        dataset="pairs",
        size=(256, 256),
        batch_size=16,
        check_draws=512,
        targets=each(ALBUMENTATIONS, 3.0),
    ),
    Job(
        name="color",
        letter="g",
        short="jitter, blur, noise",
        title="500×375 JPEG: resize to 224×224, color jitter, Gaussian blur, Gaussian noise, rescale to 0–1",
        work="color",
        dataset="photos",
        targets={"tfdata-layers": 1.0, "dali": 1.0, "dali-plain": 1.0, **each(ALBUMENTATIONS, 1.0)},
    ),
    Job(
        name="policy",
        letter="h",
        short="RandAugment",
        title="500×375 JPEG: resize to 224×224, RandAugment of two operations, rescale to 0–1",
        work="policy",
        dataset="photos",
        targets={"tfdata-layers": 1.0, "dali": 1.0, "dali-plain": 1.0},
    ),
    Job(
        name="cache",
        letter="i",
        short="from a cache",
        title="500×375 JPEG: random resized crop to 224×224, flip, rescale to 0–1, with each system's cache",
        work="cached_crop",
        dataset="photos",
        measure="cache",
        targets={"ffcv-raw": 2.0},
    ),
    Job(
        name="memory",
        letter="i",
        short="memory",
        title="Memory over 50 epochs of job a (200 photographs an epoch)",
        work="affine",
        dataset="photos-200",
        measure="memory",
        systems=("imagefeed", "keras", "tfdata-layers", "dali", "albumentations"),
    ),
    Job(
        name="limited",
        letter="j",
        short="a cache and too little memory",
        title="8,000 COCO photographs, several labels each: resize to 256×256, cached; random 224×224 crop, flip, "
        "rescale to 0–1; in 1 GiB of memory, which none of the caches fits",
        work="multi_label",
        dataset="multi-label",
        measure="limited",
        memory_limit=1 << 30,
    ),
    Job(
        name="training",
        letter="k",
        short="training a small model",
        title="Job a, and a small model that is trained on one thread: seconds a batch of 32",
        work="affine",
        dataset="photos",
        measure="training",
        systems=("imagefeed", "keras", "tfdata-layers", "dali", "albumentations", "grain", "hub", "torchvision"),
    ),
    Job(
        name="start",
        letter="l",
        short="start",
        title="Start: import, first batch of job a, listing 50,000 files",
        work="affine",
        dataset="photos",
        measure="start",
        systems=("imagefeed", "roof", "keras", "tfdata-layers", "dali", "albumentations"),
    ),
    Job(
        name="threads",
        letter="m",
        short="one thread, two threads",
        title="Job a on one core, and on two",
        work="affine",
        dataset="photos",
        measure="threads",
        points=(1, 2),
        systems=("imagefeed", "roof", "keras", "tfdata-layers", "dali", "albumentations", "grain"),
    ),
    Job(
        name="records",
        letter="m",
        short="more and more records",
        title="Job a on 1,000 to 1,000,000 files",
        work="affine",
        dataset="records",
        measure="records",
        points=(1_000, 10_000, 100_000, 1_000_000),
        systems=("imagefeed", "keras", "tfdata-layers", "dali", "albumentations"),
    ),
    Job(
        name="statistics",
        letter="n",
        short="mean and deviation",
        title="Mean and standard deviation of 20,000 arrays of 32×32×3",
        work="moments",
        dataset="patches",
        measure="fit",
        fitted=20_000,
    ),
    Job(
        name="whitening",
        letter="n",
        short="ZCA",
        title="ZCA whitening fitted to 5,000 arrays of 32×32×3",
        work="whitening",
        dataset="patches",
        measure="fit",
        fitted=5_000,
        targets={"keras": 8.0},
    ),
)

# The promises that job "start" is held to, in seconds.
START_TARGETS: Mapping[str, float] = {"import": 0.3, "first batch": 0.2, "listing": 0.15}
SMALL_CACHE = "imagefeed-jpeg"
"""The system whose cache is to take less than its files, and to be as much faster than others as one in memory."""
LISTING_TARGET = 10.0
"""How many times as fast as Keras's listing ours is to be."""
GROWTH_TARGET = 10.0
"""How many times the memory of our fit of a whitening Keras's is to take."""


def job_named(name: str) -> Job:
    """The job of that name. Raises `ValueError`, listing the names, where there is none."""
    for job in JOBS:
        if job.name == name:
            return job
    raise ValueError(f"job: got {name!r}; expected one of {', '.join(job.name for job in JOBS)}")
