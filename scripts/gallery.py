"""Every transform at low, middle and high strength, on a photograph that scikit-image ships (Chelsea the cat, CC0).

The transforms are found by the examples in their docstrings. Each is drawn for many records, which are put in the order
of how much they differ from the photograph: low, middle and high are those at a sixth, at the middle, and near the end.
"""

from __future__ import annotations

import doctest
import inspect
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

import imagefeed as feed
from imagefeed import Pipeline, Transform
from imagefeed.transforms.mixing import Mixing

DOCS = Path(__file__).parent.parent / "docs"
DRAWS = 60
HEIGHT = 150
TITLES = {
    "geometric": "Geometry",
    "turns": "Turns, scales and padding",
    "crop": "Crops and resizes",
    "distort": "Distortions",
    "color": "Color",
    "tint": "Hues and light",
    "tone": "Tones",
    "filter": "Filters",
    "noise": "Noise and loss",
    "erase": "Erasing",
    "mixing": "Mixing",
    "policy": "Policies",
    "compose": "Composition",
    "apply": "Functions of your own",
}


def photograph() -> np.ndarray:
    """uint8 (200, 300, 3)."""
    from skimage import data

    return np.asarray(Image.fromarray(data.chelsea()).resize((300, 200), Image.Resampling.LANCZOS))


def examples(cls: type[Transform]) -> list[Transform]:
    """The transforms of a class that its docstring makes."""
    names = {name: getattr(feed, name) for name in feed.__all__}
    found: list[Transform] = []
    for example in doctest.DocTestParser().get_examples(cls.__doc__ or ""):
        source = example.source.strip()
        if source.startswith(cls.__name__ + "("):
            found.append(eval(source, names))
    return found


def others() -> list[np.ndarray]:
    """What is mixed into the photograph: two more that scikit-image ships (public domain and CC0)."""
    from skimage import data

    pictures = data.astronaut()[:340, :510], data.coffee()[:, :600]
    return [np.asarray(Image.fromarray(one).resize((300, 200), Image.Resampling.LANCZOS)) for one in pictures]


def shadow(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Darken the left side, as much as is drawn."""
    dark = np.linspace(1, 0, image.shape[1])[:, None] * generator.random()
    return (image * (1 - dark)).astype(np.uint8)


def mixes(cls: type[Transform]) -> list[Transform]:
    """A transform of a class that takes other records."""
    if not issubclass(cls, Mixing) or inspect.isabstract(cls):
        return []
    known = {"size": (200, 300), "alpha": 1.0, "probability": 0.9}
    return [cls(**{name: value for name, value in known.items() if name in cls.__dataclass_fields__})]


def mixed(transform: Transform, photo: np.ndarray) -> list[np.ndarray]:
    """The photograph, mixed with others in many epochs; not those in which its partner is itself."""
    pictures = np.stack([photo, *others()])
    y, x = np.mgrid[:200, :300]
    middle = ((y - 90) / 80.0) ** 2 + ((x - 150) / 70.0) ** 2 < 1  # what is pasted
    source = feed.arrays(pictures, {"mask": feed.Mask(np.stack([middle.astype(np.uint8)] * 3), kind="index")})
    if not transform.pastes:
        source = feed.arrays(pictures)
    loader = feed.Loader(source, Pipeline([transform]), batch_size=3, shuffle=False, seed=1)
    made = [next(loader.batches(epoch)).images[0] for epoch in range(DRAWS)]
    return [one for one in made if not np.array_equal(one, photo)]


def shown(cls: type[Transform]) -> list[Transform]:
    """The transforms of a class that a picture can show."""
    if cls is feed.Apply:
        return [feed.Apply(shadow, random=True)]
    return [one for one in examples(cls) if one.role == "pixels"] or mixes(cls)


def drawn(transform: Transform, photo: np.ndarray) -> list[np.ndarray]:
    """What it makes of the photograph: one picture, or three from weak to strong."""
    count = DRAWS if transform.variables() else 1
    height, width = photo.shape[:2]
    face = [0.35 * width, 0.1 * height, 0.75 * width, 0.75 * height]  # what a crop that keeps boxes keeps
    source = feed.arrays(np.stack([photo] * count), feed.Boxes([[face]] * count) if transform.sees_boxes else None)
    loader = feed.Loader(source, Pipeline([transform]), batch_size=1, shuffle=False, seed=1)
    is_mix = transform.role == "mix"
    made = mixed(transform, photo) if is_mix else [batch.images[0] for batch in loader.batches(0)]
    if count == 1:
        return made

    def difference(picture: np.ndarray) -> float:
        if picture.shape != photo.shape:
            return float(picture.shape[0] * picture.shape[1])
        return float(abs(picture.astype(float) - photo).mean())

    ordered = sorted(made, key=difference)
    return [ordered[len(made) // 6], ordered[len(made) // 2], ordered[-3]]


def strip(photo: np.ndarray, pictures: list[np.ndarray]) -> Image.Image:
    """The photograph and what became of it, side by side, in one height."""
    images = [Image.fromarray(one) for one in (photo, *pictures)]
    images = [one.resize((max(1, round(one.width * HEIGHT / one.height)), HEIGHT)) for one in images]
    result = Image.new("RGB", (sum(one.width + 6 for one in images) - 6, HEIGHT), "white")
    left = 0
    for one in images:
        result.paste(one, (left, 0))
        left += one.width + 6
    return result


def ops(transform: Transform) -> str:
    """The names of the ops it lowers to, in order."""
    size = np.array([200.0]), np.array([300.0])
    variables = transform.variables()
    values = {name: one.sample(np.full((1, one.count), 0.5), np) for name, one in variables.items()}
    from imagefeed.transforms import Drawn

    if transform.role == "mix":
        return "Mix"
    if transform.sees_boxes:
        values["boxes"] = np.array([[60.0, 50.0, 120.0, 90.0]])
    names = [type(op).__name__ for op in transform.lower(Drawn(**values), size, np)]
    counted = [(name, len(list(group))) for name, group in groupby(names)]
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counted)


def main() -> None:
    """Write the page and its pictures; with names as arguments, only the pictures of those."""
    folder = DOCS / "images" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    photo = photograph()
    found: dict[str, list[type[Transform]]] = {}
    for name in feed.__all__:
        cls = getattr(feed, name)
        if isinstance(cls, type) and issubclass(cls, Transform) and shown(cls):
            found.setdefault(cls.__module__.rpartition(".")[2], []).append(cls)
    lines = [
        "# Gallery",
        "",
        "Every transform: the photograph, and what became of it at low, middle and high strength, with the code",
        "that did it and the [ops](architecture.md#ops) it lowers to. Made by `scripts/gallery`; the cat is Chelsea,",
        "by Stéfan van der Walt (CC0), as scikit-image ships her. What is mixed into it are Eileen Collins (NASA,",
        "public domain) and a coffee by Rachel Michetti (CC0).",
    ]
    for module in sorted(found, key=lambda one: list(TITLES).index(one) if one in TITLES else len(TITLES)):
        lines += ["", f"## {TITLES.get(module, module.capitalize())}"]
        for cls in found[module]:
            transform = shown(cls)[0]
            if not sys.argv[1:] or cls.__name__ in sys.argv[1:]:
                strip(photo, drawn(transform, photo)).save(folder / f"{cls.__name__}.jpg", quality=82)
            summary = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
            lines += ["", f"### {cls.__name__}", "", summary, "", f"`{transform!r}`"]
            if isinstance(transform, feed.Apply):
                lines += ["", "```python", "import numpy as np", "", inspect.getsource(shadow).rstrip(), "```"]
            lines += ["", f"Lowers to: {ops(transform)}.", "", f"![{cls.__name__}](images/gallery/{cls.__name__}.jpg)"]
    (DOCS / "gallery.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
