"""What was measured on the training pictures, as a value."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, check_number, fail
from imagefeed.errors import SpecError

if TYPE_CHECKING:
    from imagefeed.pipeline import Pipeline
    from imagefeed.sources import Source

Per: TypeAlias = Literal["channel", "pixel"]
Method: TypeAlias = Literal["zca", "pca"]

_MOST_SHOWN = 32  # values of an array, in a repr


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Covariance:
    """How the d values of a picture vary together: the directions in which they vary most, and by how much.

    Attributes:
        basis: Float (d, k); its columns are orthonormal, the direction of the largest variance first.
        variances: Float (k,): the variance along each of them, in squared units of the pictures.
        rest: The mean variance along the d - k directions that are not held; 0 where k is d.
        method: What `Whiten` makes of it: "zca" for pictures that look like those that come in, "pca" for coordinates.
    """

    basis: NDArray[np.floating]
    variances: NDArray[np.float64]
    rest: float = 0.0
    method: Method = "zca"

    def __post_init__(self) -> None:
        object.__setattr__(self, "basis", _floats("Covariance.basis", self.basis))
        object.__setattr__(self, "variances", _floats("Covariance.variances", self.variances))
        d, k = self.basis.shape if self.basis.ndim == 2 else (0, 0)
        if not 1 <= k <= d:
            raise fail("Covariance.basis", self.basis.shape, "expected (d, k) with k from 1 to d")
        if self.variances.shape != (k,) or self.variances.min() < 0:
            raise fail("Covariance.variances", self.variances.shape, f"expected {k} numbers, none below 0")
        check_number("Covariance.rest", self.rest, 0)
        check_choice("Covariance.method", self.method, ("zca", "pca"))

    @property
    def explained(self) -> float:
        """The share of all variance that lies along the directions that are held, from 0 to 1."""
        held = float(self.variances.sum())
        left = self.rest * (self.basis.shape[0] - self.basis.shape[1])
        return held / (held + left) if held + left > 0 else 1.0

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Covariance) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.basis.shape, float(self.variances[0]), self.rest, self.method))

    def __repr__(self) -> str:
        return _repr(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Statistics:
    """Mean, standard deviation and covariance of training pictures, in the units of the pictures that were measured.

        >>> from imagefeed import Statistics
        >>> Statistics(count=1000, mean=[[[124.0, 116.0, 104.0]]], std=[[[58.0, 57.0, 57.0]]])
        Statistics(count=1000, mean=[[[124.0, 116.0, 104.0]]], std=[[[58.0, 57.0, 57.0]]])

    Attributes:
        count: How many pictures were measured.
        mean: Float, broadcast over a picture: (1, 1, channels) for a value per channel, (height, width, channels) for
            one at every place; None if not measured.
        std: The standard deviation of the population (divided by n, not n - 1), of the same kind; None if not measured.
        values: How many values each of them is of: `count` for those of a place, and for those of a channel `count`
            times the pixels of a picture. By default `count`. The weight in `a + b`.
        whitening: A given whitening matrix, float (d, d) for pictures of d values, as ImageDataGenerator has it.
        covariance: What was measured for whitening; None if nothing.
    """

    count: int
    mean: NDArray[np.floating] | None = None
    std: NDArray[np.floating] | None = None
    values: int | None = None
    whitening: NDArray[np.floating] | None = None
    covariance: Covariance | None = None

    def __post_init__(self) -> None:
        for name in ("count", "values"):
            number = getattr(self, name)
            if not (name == "values" and number is None) and (type(number) is not int or number < 1):
                raise fail(f"Statistics.{name}", number, "expected an integer above 0")
        for name in ("mean", "std", "whitening"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _floats(f"Statistics.{name}", getattr(self, name)))
        if self.std is not None and (self.std < 0).any():
            raise fail("Statistics.std", float(self.std.min()), "expected numbers of at least 0")
        matrix = self.whitening
        if matrix is not None and (matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]):
            raise fail("Statistics.whitening", matrix.shape, "expected a square matrix")
        if not isinstance(self.covariance, Covariance | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("Statistics.covariance", self.covariance, "expected a Covariance")

    @classmethod
    def fit(
        cls,
        source: Source | NDArray[Any],
        pipeline: Pipeline | None = None,
        *,
        per: Per | None = None,
        whiten: Method | None = None,
        draws: int = 0,
        rank: int | None = None,
        memory: int = 4 << 30,
        seed: int = 0,
        batch_size: int | None = None,
        threads: int | Literal["auto"] = "auto",
        progress: bool = True,
    ) -> Statistics:
        """Measure the pictures of a source as a pipeline makes them, without holding more than a few of them.

            >>> from imagefeed import Pipeline, Resize, Statistics
            >>> statistics = Statistics.fit(photos, Pipeline([Resize((32, 32))]))
            >>> statistics.count, statistics.mean.shape
            (12, (1, 1, 3))

        Moments of each batch are merged in double precision (Chan, Golub and LeVeque, "Algorithms for computing the
        sample variance", 1983), so neither the chunks nor the threads matter to 1e-6.

        A whitening is exact where the d x d covariance of pictures of d values fits into `memory`, with what its
        decomposition needs: 40 d² bytes. Above that its `rank` largest directions are found by a randomized sketch,
        refined by a second pass over the pictures (Halko, Martinsson and Tropp, "Finding structure with randomness",
        2011); how much of the variance they hold is `statistics.covariance.explained`, exactly.

        Args:
            source: The pictures: a source, or an array as for `arrays`.
            pipeline: What is done to them before they are measured; nothing by default. Where it ends in Rescale, so
                must the one that these statistics are used in.
            per: One mean and deviation per "channel", or one at every "pixel"; by default per channel, and for a
                whitening at every pixel.
            whiten: What to measure the covariance for: "zca" or "pca" whitening; None for neither.
            draws: How often each picture is drawn from a random pipeline; 0 to measure its deterministic form.
            rank: How many directions to hold at most; None for all where that fits the memory, and else 512.
            memory: How many bytes to use at most for the covariance.
            seed: Of the draws, and of the sketch.
            batch_size: How many pictures are measured at once; None for as many as make 16 MiB, or 64 for a whitening.
            threads: As for `Loader`.
            progress: Whether to show a bar, where there is a terminal.

        Raises:
            SpecError: An argument has a value that it cannot have, or a whitening does not fit into the memory.
            PlanError: The pictures do not come out in one size.
        """
        from imagefeed.fitting import fit  # a door: it needs the loader, which stands above this value

        return fit(
            source,
            pipeline,
            per=per,
            whiten=whiten,
            draws=draws,
            rank=rank,
            memory=memory,
            seed=seed,
            batch_size=batch_size,
            threads=threads,
            progress=progress,
        )

    @property
    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """Those of `mean`, `std` and `whitening` that were measured."""
        found: dict[str, NDArray[np.floating] | None] = {
            "mean": self.mean,
            "std": self.std,
            "whitening": self.whitening,
        }
        return {name: array for name, array in found.items() if array is not None}

    def __add__(self, other: Statistics) -> Statistics:
        """The statistics of both sets of pictures together, as if they had been measured at once.

            >>> from imagefeed import Statistics
            >>> low = Statistics(count=1, mean=[[[0.0]]], std=[[[0.0]]])
            >>> high = Statistics(count=3, mean=[[[8.0]]], std=[[[0.0]]])
            >>> low + high
            Statistics(count=4, mean=[[[6.0]]], std=[[[3.4641016151377544]]])

        Of covariances as many directions are kept as the larger one holds; what the others lose goes to `rest`.

        Raises:
            SpecError: One of them has what the other lacks, or they are of other shapes.
        """
        if not isinstance(other, Statistics):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        from imagefeed.merging import merge  # it is written in terms of this class

        return merge(self, other)

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Statistics) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.count, *(float(array.flat[0]) for array in self.arrays.values())))

    def __repr__(self) -> str:
        return _repr(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the statistics to one safetensors file, which `Statistics.load` and `imagefeed show` read.

        >>> from imagefeed import Statistics
        >>> statistics = Statistics(count=10, mean=[[[1.0]]], std=[[[2.0]]])
        >>> statistics.save(photo_folder / "statistics.safetensors")
        >>> Statistics.load(photo_folder / "statistics.safetensors") == statistics
        True
        """
        from imagefeed.spec import save  # a door: the file's form is that of pipelines, which stand above this value

        save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """What `save` wrote. Runs no code.

        Raises:
            SpecError: The file is damaged, or holds something else.
        """
        from imagefeed.spec import load

        return load(path, cls)


def _floats(where: str, value: Any) -> NDArray[np.floating]:
    """An array of finite float numbers, read-only."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise SpecError(f"{where}: {error}; expected an array of numbers") from error
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if array.dtype.kind != "f" or array.size == 0 or not np.isfinite(array).all():
        shape = "x".join(map(str, array.shape))
        raise SpecError(f"{where}: got {array.dtype} of shape ({shape}); expected finite float numbers")
    array = array.view()
    array.flags.writeable = False
    return array


def _equal(one: Statistics | Covariance, other: Statistics | Covariance) -> bool:
    return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a is b or np.array_equal(cast("NDArray[Any]", a), b)
    return bool(a == b)


def _repr(value: Statistics | Covariance) -> str:
    """The call that makes it, where its arrays are small."""
    shown: list[str] = []
    for field in fields(value):
        part: Any = getattr(value, field.name)
        if isinstance(part, np.ndarray):
            array = cast("NDArray[Any]", part)
            shape = "x".join(map(str, array.shape))
            shown.append(f"{field.name}={array.tolist() if array.size <= _MOST_SHOWN else f'<{shape}>'}")
        elif type(part) is not type(field.default) or part != field.default:
            shown.append(f"{field.name}={part!r}")
    return f"{type(value).__name__}({', '.join(shown)})"
