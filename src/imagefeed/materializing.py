"""An augmented set as files, for those who want files."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, fail
from imagefeed.errors import SourceError, SpecError
from imagefeed.loader import Loader
from imagefeed.packing import MODES, FileFormat, Packing, Shard, encoded
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source


def materialize(
    source: Source,
    pipeline: Pipeline,
    out: str | os.PathLike[str],
    *,
    copies: int = 10,
    seed: int = 0,
    format: FileFormat = "jpg",  # noqa: A002 - the word that Pillow and the rest use
    quality: int = 95,
    shards: int | None = None,
    threads: int | Literal["auto"] = "auto",
    advance: Callable[[int], None] = lambda total: None,
) -> int:
    """Write several draws of every picture of a source to files, in a folder for every class; or to tar files.

    Training from them sees the same `copies` draws in every epoch, where a Loader draws anew: docs/in-model.md counts
    both. The same seed writes the same files, for any number of threads.

        >>> from imagefeed import HorizontalFlip, Pipeline, Resize, folder, materialize
        >>> materialize(photos, Pipeline([Resize((32, 32)), HorizontalFlip()]), photo_folder / "more", copies=2)
        24
        >>> folder(photo_folder / "more").class_counts
        {'cats': 12, 'dogs': 12}

    Args:
        source: The pictures. Of what goes with them, only classes can be kept.
        pipeline: What is done to them; it must leave levels, so no Rescale or Normalize.
        out: A folder that is empty or not yet there.
        copies: How many draws of each picture.
        seed: Of the draws.
        format: "jpg", "png" or "webp".
        quality: Of JPEG and WebP, 1 to 100.
        shards: Into how many tar files, which `imagefeed.shards` reads, with a manifest of their digests that is
            written last (`Manifest.load(out)`). Where such work was broken off, the same call goes on with it. None
            for single files.
        threads: How many threads render, and how many write.
        advance: Called after each file with the number of all files.

    Returns:
        How many pictures were written.

    Raises:
        SpecError: An argument has a value that it cannot have, or every copy would be the same.
        SourceError: The folder is not empty, or the source has targets that no folder can hold.
        DecodeError: A picture cannot be read.
    """
    check_files(source, pipeline, copies, quality, format)
    if shards is not None:
        options: dict[str, Any] = {"copies": copies, "seed": seed, "form": format, "quality": quality}
        return _write_shards(packing_of(source, pipeline, out, shards=shards, threads=threads, **options), advance)
    root = Path(out)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise SourceError(f"materialize: {root} is there already, and not an empty folder; name another one")
    loader = Loader(source, pipeline, batch_size=1, shuffle=False, seed=seed, dtype="uint8", threads=threads)
    _write_files(loader, root, copies, format, quality, advance)
    return copies * len(source)


def _write_shards(packing: Packing, advance: Callable[[int], None]) -> int:
    """Write all tar files and their manifest; how many pictures they hold."""
    packing.begin()
    made: list[Shard] = []
    for number in range(packing.count):
        made.append(packing.write(number))
        advance(packing.count)
    return packing.finish(made).samples


def _write_files(
    loader: Loader, root: Path, copies: int, form: FileFormat, quality: int, advance: Callable[[int], None]
) -> None:
    """Write `copies` epochs of a loader of single pictures, in a folder for every class."""
    for name in loader.source.classes or ("",):
        (root / name).mkdir(parents=True, exist_ok=True)
    stems = _stems(loader.source)
    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(loader.threads) as pool:
        for epoch in range(copies):
            for batch in loader.batches(epoch):
                file = root / f"{stems[int(batch.indices[0])]}-{epoch}.{form}"
                pending.append(pool.submit(_write, batch.images[0], file, form, quality))
                if len(pending) > 4 * loader.threads:  # the rest waits as bytes of memory
                    pending.popleft().result()
                advance(copies * len(loader.source))
        for future in pending:
            future.result()


def packing_of(
    source: Source,
    pipeline: Pipeline,
    out: str | os.PathLike[str],
    *,
    copies: int,
    seed: int,
    form: FileFormat,
    quality: int,
    shards: int,
    threads: int | Literal["auto"],
    on_error: Literal["raise", "skip"] = "raise",
    done: int = 0,
) -> Packing:
    """The tar files of several draws of every picture, to be written.

    Raises:
        SpecError: There are more shards than records, or none.
    """
    if type(shards) is not int or not 1 <= shards <= len(source):
        raise fail("materialize(shards=)", shards, f"expected an integer from 1 to {len(source)}, the records")
    options: dict[str, Any] = {"seed": seed, "threads": threads, "on_error": on_error}
    loader = Loader(source, pipeline, batch_size=1, shuffle=True, dtype="uint8", max_bad=1.0, **options)
    return Packing(loader=loader, out=Path(out), count=shards, copies=copies, format=form, quality=quality, done=done)


def check_files(source: Source, pipeline: Pipeline, copies: int, quality: int, format: str) -> None:  # noqa: A002
    """Raise SpecError or SourceError unless files can hold what a pipeline makes of a source."""
    for name, value, most in (("copies", copies, 1 << 30), ("quality", quality, 100)):
        if type(value) is not int or not 1 <= value <= most:
            raise fail(f"materialize({name}=)", value, f"expected an integer from 1 to {most}")
    check_choice("materialize(format=)", format, get_args(FileFormat))
    for step in pipeline.steps:
        if step.role == "units":
            raise SpecError(f"materialize: {step!r} leaves the levels that files hold; take it out, and train with it")
        if step.role == "batch":
            raise SpecError(f"materialize: {step!r} works on batches, and files hold pictures; take it out")
    if copies > 1 and not pipeline.is_random:
        raise SpecError(f"materialize(copies=): got {copies}, but nothing is random: every copy would be the same")
    if source.channels not in MODES or (source.channels == 4 and format == "jpg"):
        raise SourceError(f"materialize: pictures of {source.channels} channels do not fit into {format} files")
    targets: Any = source.targets(np.arange(1))
    if targets is not None and source.class_indices(np.arange(1)) is None:
        raise SourceError("materialize: the source has targets other than classes, which a folder cannot hold")


def _stems(source: Source) -> list[str]:
    """The path of every picture's copies from the folder on, but for their numbers; each only once."""
    indices = np.arange(len(source))
    classes = source.class_indices(indices)
    labels: list[str] = [""] * len(source)
    if classes is not None and source.classes:
        numbers: list[int] = classes.tolist()
        labels = [source.classes[k] for k in numbers]
    names = [Path(name).stem for name in source.names(indices)]
    paths = [os.path.join(label, name) for label, name in zip(labels, names, strict=True)]
    often = Counter(paths)
    return [f"{path}-{k}" if often[path] > 1 else path for k, path in enumerate(paths)]


def _write(picture: NDArray[np.uint8], file: Path, form: FileFormat, quality: int) -> None:
    file.write_bytes(encoded(picture, form, quality))
