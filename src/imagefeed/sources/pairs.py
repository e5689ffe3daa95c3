"""Pictures and what each of their pixels is: two folders, or a rule for the name of a mask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from imagefeed import _native
from imagefeed.checks import check_choice, fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.sources.listing import pictures_below
from imagefeed.targets import Image, Mask, MaskKind, Targets

PairKind: TypeAlias = Literal["index", "binary", "soft", "image"]

_SHOWN = 5


def pairs(
    images: str | os.PathLike[str],
    masks: str | os.PathLike[str],
    *,
    kind: PairKind = "index",
    name: str = "{name}",
    fill: int = 0,
    color: Color = "rgb",
) -> Pairs:
    """The pictures below one folder, each with the mask of the same name below another.

    A picture and its mask have the same path from their folder, but for the suffix: `images/a/1.jpg` goes with
    `masks/a/1.png`. The mask is the target, with nothing beside it.

        >>> from imagefeed import pairs
        >>> pairs(photo_folder, photo_folder, kind="image")
        Pairs('photos' with 'photos', 12 records)

    Args:
        images: The folder of the pictures.
        masks: The folder of what goes with them.
        kind: What the masks are: "index", "binary" or "soft" as for `Mask`; or "image" for another picture of the
            same thing (`Image`).
        name: How a mask is called, without its suffix, where it is not called like its picture: "{name}_mask".
        fill: What a constant border of a mask is made of.
        color: What the pictures become: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SourceError: A folder is not there or empty, or a picture or a mask is left without its partner.
    """
    check_choice("pairs(kind=)", kind, get_args(PairKind))
    check_color("pairs(color=)", color)
    check_template("pairs(name=)", name)
    pictures, partners = _by_stem(Path(images)), _by_stem(Path(masks))
    wanted = {stem: _renamed(stem, name) for stem in pictures}
    lonely = [pictures[stem] for stem, partner in wanted.items() if partner not in partners]
    if lonely:
        raise SourceError(f"{masks}: has no mask for {_some(lonely)} of {images}; {_hint(wanted, partners, name)}")
    idle = sorted(set(partners) - set(wanted.values()))
    if idle:
        raise SourceError(f"{images}: has no picture for {_some([partners[stem] for stem in idle])} of {masks}")
    files = [pictures[stem] for stem in wanted]
    return Pairs(Path(images), Path(masks), files, [partners[one] for one in wanted.values()], kind, fill, color)


class Pairs(Source):
    """What `pairs` returns."""

    def __init__(
        self,
        images: Path,
        masks: Path,
        files: list[str],
        partners: list[str],
        kind: PairKind,
        fill: int,
        color: Color,
    ) -> None:
        self.images = images
        self.masks = masks
        self.color = color
        self._files = files
        self._partners = partners
        self._kind: PairKind = kind
        self._fill = fill

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Pairs({self.images.name!r} with {self.masks.name!r}, {self._summary()})"

    def names(self, indices: Ints) -> list[str]:
        return [os.path.join(self.images, file) for file in self.keys(indices)]

    def keys(self, indices: Ints) -> list[str]:
        places: list[int] = indices.tolist()
        return [self._files[i] for i in places]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.names(indices)

    def targets(self, indices: Ints) -> Targets:
        places: list[int] = indices.tolist()
        paths = [os.path.join(self.masks, self._partners[i]) for i in places]
        if self._kind == "image":
            return Image(paths, color=self.color)
        return Mask(paths, kind=self._kind, fill=self._fill)


def masks_beside(paths: Sequence[str], template: str, kind: MaskKind) -> Mask:
    """The masks of some pictures, by a rule for their paths from each picture's own folder."""
    beside = [os.path.join(os.path.dirname(path), template.format(name=Path(path).stem)) for path in paths]
    return Mask([os.path.normpath(path) for path in beside], kind=kind)


def check_template(where: str, template: object) -> None:
    """Raise SpecError unless `template` is text that says where {name} stands, and asks for nothing else."""
    text = template if isinstance(template, str) else ""
    if "{name}" not in text or "{" in text.replace("{name}", "") or "}" in text.replace("{name}", ""):
        raise fail(where, template, "expected text with {name} for the name of the picture, without its suffix")


def _by_stem(root: Path) -> dict[str, str]:
    """The pictures below a folder, by their path without the suffix."""
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder")
    found: dict[str, str] = {}
    for file in sorted(pictures_below(root, "")):
        stem = os.path.splitext(file)[0]
        if stem in found:
            raise SourceError(f"{root}: has both {found[stem]} and {file}, so that a name does not say which is meant")
        found[stem] = file
    if not found:
        raise SourceError(f"{root}: holds no pictures; give another folder")
    return found


def _renamed(stem: str, template: str) -> str:
    folder, _, name = stem.rpartition("/")
    renamed = template.format(name=name)
    return f"{folder}/{renamed}" if folder else renamed


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _hint(wanted: dict[str, str], partners: dict[str, str], template: str) -> str:
    asked, example = next(iter(wanted.values())), next(iter(partners))
    return f"a mask is called {asked!r} by name={template!r}, and there is, for instance, {example!r}"
