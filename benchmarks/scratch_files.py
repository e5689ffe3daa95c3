"""The scratch files that the jobs read, made once from real photographs.

Every set is a folder below the work folder, with a `facts.json` that says what it holds. It is
written last: a set without it is made again.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from measures.sameness import MASK_LEVELS

Facts = dict[str, Any]

LANDSCAPE = {(499, 375), (500, 374), (500, 375)}
LARGE = (3000, 4000)  # height, width: 12 megapixels
TILE = (375, 500)  # 8 x 8 of these fill LARGE exactly
PATCHES = 20_000
LISTED_FILES, LISTED_CLASSES = 50_000, 10
MULTI_LABELED = 8_000


def landscapes(photos: Path) -> list[Path]:
    """The JPEG files below `photos` that are 500×375 to within a pixel, sorted.

    Raises `FileNotFoundError` where there are fewer than 64: too few to be worth a measurement.
    """
    found: list[Path] = []
    for path in sorted(photos.rglob("*.jpg")):
        with Image.open(path) as image:
            if image.size in LANDSCAPE and image.mode == "RGB":
                found.append(path)
    if len(found) < 64:
        raise FileNotFoundError(
            f"--photos: {photos} holds {len(found)} JPEG files of 500x375; expected 64 or more. "
            "Name a folder of photographs (Kaggle's Dogs vs Cats, or ImageNet)."
        )
    return found


def _facts(files: list[Path], pixels: int) -> Facts:
    size = sum(path.stat().st_size for path in files)
    return {
        "count": len(files),
        "mean_bytes": round(size / len(files)),
        "bytes_per_pixel": round(size / len(files) / pixels, 4),
    }


def _copies(sources: list[Path], folder: Path, count: int) -> Facts:
    """`count` files in two classes. Copies, not links: each file has pages of its own to be read."""
    files: list[Path] = []
    for index in range(count):
        target = folder / "images" / f"class{index % 2}" / f"{index:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources[index % len(sources)], target)
        files.append(target)
    return {**_facts(files, TILE[0] * TILE[1]), "distinct": min(count, len(sources))}


def _photos(sources: list[Path], folder: Path) -> Facts:
    return _copies(sources, folder, 1000)


def _photos_200(sources: list[Path], folder: Path) -> Facts:
    return _copies(sources, folder, 200)


def _one_photo(sources: list[Path], folder: Path) -> Facts:
    """One photograph many times: every difference between two pictures comes from the draws."""
    return _copies(sources[:1], folder, 64)


def _mosaic(sources: list[Path], rng: random.Random) -> Image.Image:
    """8 × 8 photographs at their own size: detail, noise and flat parts as a camera leaves them.

    Enlarging one photograph to 12 megapixels would be smooth, hence unrealistically cheap to decode.
    """
    picture = Image.new("RGB", (LARGE[1], LARGE[0]))
    for row in range(LARGE[0] // TILE[0]):
        for column in range(LARGE[1] // TILE[1]):
            with Image.open(rng.choice(sources)) as image:
                tile = np.asarray(image)
            missing = ((0, TILE[0] - tile.shape[0]), (0, TILE[1] - tile.shape[1]), (0, 0))
            tile = np.pad(tile, missing, mode="edge")
            picture.paste(Image.fromarray(tile), (column * TILE[1], row * TILE[0]))
    return picture


def _quality_for(picture: Image.Image, bytes_per_pixel: float, scratch: Path) -> int:
    """The JPEG quality at which `picture` takes as many bytes a pixel as its sources did."""

    def distance(quality: int) -> float:
        picture.save(scratch, quality=quality, subsampling="4:2:0")
        return abs(scratch.stat().st_size / (LARGE[0] * LARGE[1]) - bytes_per_pixel)

    best = min(range(75, 97, 3), key=distance)
    best = min(range(best - 2, best + 3), key=distance)
    scratch.unlink()
    return best


def _large(sources: list[Path], folder: Path) -> Facts:
    rng = random.Random(0)
    wanted = _facts(sources, TILE[0] * TILE[1])["bytes_per_pixel"]
    quality = 0
    files: list[Path] = []
    for index in range(64):
        target = folder / "images" / f"class{index % 2}" / f"{index:03d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = _mosaic(sources, rng)
        quality = quality or _quality_for(picture, wanted, folder / "trial.jpg")
        picture.save(target, quality=quality, subsampling="4:2:0")
        files.append(target)
    return {**_facts(files, LARGE[0] * LARGE[1]), "quality": quality}


def _one_large(sources: list[Path], folder: Path) -> Facts:
    target = folder / "images"
    for index in range(8):
        (target / f"class{index % 2}").mkdir(parents=True, exist_ok=True)
    first = target / "class0" / "0.jpg"
    _mosaic(sources, random.Random(0)).save(first, quality=90, subsampling="4:2:0")
    for index in range(1, 8):
        shutil.copyfile(first, target / f"class{index % 2}" / f"{index}.jpg")
    return _facts([first], LARGE[0] * LARGE[1])


def _write_arrays(images: np.ndarray, statistics_of: np.ndarray, folder: Path) -> Facts:
    """Images, labels, and the mean and standard deviation per channel that every system subtracts."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", np.arange(len(images)) % 10)
    mean, std = statistics_of.mean((0, 1, 2)), statistics_of.std((0, 1, 2))
    np.savez(folder / "statistics.npz", mean=mean.astype("float32"), std=std.astype("float32"))
    return {"count": len(images), "shape": list(images.shape[1:]), "dtype": "uint8"}


def _patch_images(sources: list[Path]) -> np.ndarray:
    """uint8 (PATCHES, 32, 32, 3): random squares of photographs, each shrunk to 32×32."""
    rng = random.Random(0)
    images = np.empty((PATCHES, 32, 32, 3), np.uint8)
    each = -(-PATCHES // len(sources))
    for index in range(PATCHES):
        if index % each == 0:
            picture = Image.open(sources[index // each])
            picture.load()
        side = rng.randint(96, 256)
        x, y = rng.randint(0, picture.width - side), rng.randint(0, picture.height - side)
        box = (x, y, x + side, y + side)
        images[index] = picture.resize((32, 32), Image.Resampling.BILINEAR, box=box)
    return images


def _patches(sources: list[Path], folder: Path) -> Facts:
    images = _patch_images(sources)
    return _write_arrays(images, images, folder)


def _one_patch(sources: list[Path], folder: Path) -> Facts:
    images = _patch_images(sources[:64])
    return _write_arrays(np.repeat(images[:1], 1024, axis=0), images, folder)


def _listing(sources: list[Path], folder: Path) -> Facts:
    """Many names for one file: listing reads names, never contents."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "source.jpg"
    shutil.copyfile(sources[0], source)
    each = LISTED_FILES // LISTED_CLASSES
    for label in range(LISTED_CLASSES):
        target = folder / "images" / f"class{label}"
        target.mkdir(parents=True)
        for index in range(each):
            os.link(source, target / f"{index:05d}.jpg")
    return {"count": LISTED_FILES, "classes": LISTED_CLASSES}


def _records(count: int) -> Callable[[list[Path], Path], Facts]:
    def make(sources: list[Path], folder: Path) -> Facts:
        """Many names for a thousand files: what a record costs, and not what its bytes do."""
        files = _copies(sources, folder, min(count, 1000))
        kept = sorted((folder / "images").glob("*/*.jpg"))
        for index in range(1000, count):
            os.link(kept[index % 1000], kept[index % 1000].with_name(f"{index:07d}.jpg"))
        return {**files, "count": count}

    return make


def _pairs(sources: Path, folder: Path) -> Facts:
    """The street scenes and their masks, four times: copies, not links."""
    pictures = sorted((sources / "val").glob("*.png"))
    for index in range(4 * len(pictures)):
        path = pictures[index % len(pictures)]
        for part, original in (("images", path), ("masks", sources / "valannot" / path.name)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, folder / part / f"{index:04d}.png")
    size = sum(path.stat().st_size for path in folder.glob("*/*.png"))
    return {"count": 4 * len(pictures), "mean_bytes": round(size / 4 / len(pictures))}


def _one_pair(sources: Path, folder: Path) -> Facts:
    """One scene many times, painted by its mask: a level for each class."""
    original = sorted((sources / "valannot").glob("*.png"))[0]
    with Image.open(original) as mask:
        gray = Image.fromarray(np.asarray(mask, np.uint8) * MASK_LEVELS).convert("RGB")
    for index in range(64):
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        gray.save(folder / "images" / f"{index:04d}.png")
        shutil.copyfile(original, folder / "masks" / f"{index:04d}.png")
    return {"count": 64}


def _multi_label(sources: Path, folder: Path) -> Facts:
    """Photographs of COCO with all that is said of them, copied round until there are MULTI_LABELED."""
    said = json.loads(next((sources / "annotations").glob("instances_train*.json")).read_text())
    known = {one["id"]: sources / "train2017" / one["file_name"] for one in said["images"]}
    kinds = {
        number: sorted({a["category_id"] for a in said["annotations"] if a["image_id"] == number}) for number in known
    }
    images, annotations = [], []
    (folder / "images").mkdir(parents=True)
    size = 0
    for index, one in zip(range(MULTI_LABELED), itertools.cycle(said["images"])):
        name = f"{index:06d}.jpg"
        shutil.copyfile(known[one["id"]], folder / "images" / name)
        size += (folder / "images" / name).stat().st_size
        images.append({"id": index, "file_name": name, "width": one["width"], "height": one["height"]})
        for kind in kinds[one["id"]]:
            annotations.append({"id": len(annotations), "image_id": index, "category_id": kind, "bbox": [0, 0, 1, 1]})
    wanted = {"images": images, "annotations": annotations, "categories": said["categories"]}
    (folder / "annotations.json").write_text(json.dumps(wanted))
    return {"count": len(images), "mean_bytes": round(size / len(images)), "distinct": len(known)}


MAKERS: dict[str, Callable[[Any, Path], Facts]] = {
    "photos": _photos,
    "photos-200": _photos_200,
    "large": _large,
    "patches": _patches,
    "listing": _listing,
    **{f"records-{count}": _records(count) for count in (1_000, 10_000, 100_000, 1_000_000)},
    "pairs": _pairs,
    "pairs-check": _one_pair,
    "multi-label": _multi_label,
    "photos-check": _one_photo,
    "large-check": _one_large,
    "patches-check": _one_patch,
}


BESIDE = {"pairs": "camvid", "pairs-check": "camvid", "multi-label": "coco_tiny"}
"""Sets that are made from another folder than the photographs': its name, beside theirs."""


def prepare(name: str, photos: Path, work: Path) -> tuple[Path, Facts]:
    """The folder of set `name` below `work`, made from `photos` or what stands beside it if need be, and its facts."""
    folder = work / name
    record = folder / "facts.json"
    if not record.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sources = photos.parent / BESIDE[name] if name in BESIDE else landscapes(photos)
        facts = MAKERS[name](sources, folder)
        record.write_text(json.dumps(facts))
    return folder, json.loads(record.read_text())
