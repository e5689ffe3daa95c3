"""Real photographs to try things on: those of scikit-image and scikit-learn, cut into a labeled set."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from imagefeed.errors import SourceError

_FOLDERS = {"skimage": ("scikit-image", "data"), "sklearn": ("scikit-learn", "datasets/images")}
"""Package: its name in the registry, and where in it the photographs are."""

_PHOTOGRAPHS = {
    "astronaut": ("skimage", "astronaut.png"),
    "brick": ("skimage", "brick.png"),
    "cat": ("skimage", "chelsea.png"),
    "coffee": ("skimage", "coffee.png"),
    "flower": ("sklearn", "flower.jpg"),
    "galaxies": ("skimage", "hubble_deep_field.jpg"),
    "grass": ("skimage", "grass.png"),
    "gravel": ("skimage", "gravel.png"),
    "motorcycle": ("skimage", "motorcycle_left.png"),
    "pagoda": ("sklearn", "china.jpg"),
    "retina": ("skimage", "retina.jpg"),
    "rocket": ("skimage", "rocket.jpg"),
    "tissue": ("skimage", "ihc.png"),
}
TILE = 96
"""Height and width in pixels of what is cut."""

_MOST_TILES = 36  # of one photograph: the largest would outnumber the others
_QUALITY = 92  # of the JPEG files


def write_photographs(folder: Path, *, advance: Callable[[int], None] = lambda total: None) -> None:
    """Cut the sample photographs into JPEG files.

    `folder/whole/NAME.jpg` is a photograph, and `folder/tiles/NAME/ROW-COLUMN.jpg` its tiles: a class is a
    photograph. Tiles do not overlap, so no pixel that a model is validated on was in a tile it was trained
    on. Empty ones, such as the black around the retina, are left out.

    Args:
        folder: Made where it is missing; files of the same names are written again.
        advance: Called after each photograph with the number of all.

    Raises:
        SourceError: A package is not installed, or no longer ships a photograph.
    """
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    for name, (package, file) in _PHOTOGRAPHS.items():
        with Image.open(_find(package, file)) as image:
            photograph = image.convert("RGB")
        photograph.save(folder / "whole" / f"{name}.jpg", quality=_QUALITY)
        into = folder / "tiles" / name
        into.mkdir(parents=True, exist_ok=True)
        for row, column, tile in _tiles(photograph):
            tile.save(into / f"{row:02}-{column:02}.jpg", quality=_QUALITY)
        advance(len(_PHOTOGRAPHS))


def _find(package: str, file: str) -> Path:
    distribution, inside = _FOLDERS[package]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SourceError(
            f"the sample photographs of {distribution} are not installed: pip install 'imagefeed[demo]', "
            "or name a folder of your own photographs: imagefeed demo FOLDER"
        )
    path = Path(spec.origin).parent / inside / file
    if not path.is_file():
        raise SourceError(
            f"{path}: is missing; this release of {distribution} does not ship it. "
            "Install another, or name a folder of your own photographs: imagefeed demo FOLDER"
        )
    return path


def _tiles(photograph: Image.Image) -> list[tuple[int, int, Image.Image]]:
    """The tiles of a photograph that show something, spread over all of it: (row, column, tile)."""
    rows, columns = photograph.height // TILE, photograph.width // TILE
    found: list[tuple[int, int, Image.Image]] = []
    for row in range(rows):
        for column in range(columns):
            tile = photograph.crop((column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE))
            if np.asarray(tile.convert("L")).std() > 2:  # levels of 255: noise of an empty background
                found.append((row, column, tile))
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), _MOST_TILES)).round().astype(int))
    return [found[k] for k in chosen]
