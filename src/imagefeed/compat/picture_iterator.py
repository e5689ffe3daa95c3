"""What iterators over arrays and over files share: a generator, its draws, targets, saving."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.draws import Floats, numbers
from imagefeed.compat.images import array_to_img
from imagefeed.compat.iterator import Iterator, Step
from imagefeed.compat.making import Images, Recipe, make
from imagefeed.compat.pictures import Ints, Pictures
from imagefeed.compat.workers import workers

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator


# How many bytes the batches of a group may take, if there is more than one of them.
_GROUP = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What was drawn for a batch.

    Attributes:
        numbers: (b, columns), as of `imagefeed.compat.draws.numbers`.
        names: What the names of saved copies end in, (b,); None if none are saved.
    """

    numbers: Floats
    names: Ints | None


class PictureIterator(Iterator):
    """An iterator whose batches a generator describes.

    Attributes:
        image_data_generator: The generator. Changes of its attributes take effect with the next batch.
        data_format: Where batches have their channels.
        dtype: Of the batches, as a name.
        save_to_dir: The folder for a copy of every picture, or None.
        save_prefix: How their names begin.
        save_format: Their format.
        subset: "training", "validation" or None.
    """

    # What the numbers in the names of saved copies stay below.
    _save_numbers = 10_000

    image_data_generator: ImageDataGenerator
    data_format: DataFormat
    dtype: str
    save_to_dir: str | os.PathLike[str] | None
    save_prefix: str
    save_format: str
    subset: str | None

    # ---------------------------------------------------------------------------------------------- for subclasses

    @abstractmethod
    def _pictures(self) -> Pictures:
        """Where pictures come from."""

    @abstractmethod
    def _with_targets(self, images: Images, indices: Ints) -> Any:
        """A batch as a training loop takes it."""

    def _plain(self, indices: Ints) -> Images:
        """Pictures before a generator touched them, (b, ...) in the data format and dtype."""
        nothing = self.image_data_generator.recipe(self.data_format, self.dtype, plain=True)
        empty = np.empty((len(indices), 2))
        return make(nothing, self._pictures(), [indices], [empty])[0]

    def _by_hand(self) -> bool:
        """Whether pictures are made one by one, by the generator's methods."""
        return self.image_data_generator.overridden

    def _makes_its_own(self) -> bool:
        """Whether a subclass has its own way of making a batch."""
        name = "_get_batches_of_transformed_samples"
        return getattr(type(self), name) is not getattr(PictureIterator, name)

    # ---------------------------------------------------------------------------------------------- making batches

    def _can_run_ahead(self) -> bool:
        # Copies are saved of batches that were taken.
        return not (self._by_hand() or self._makes_its_own() or self.save_to_dir)

    def _together(self) -> int:
        # A plan has a price of its own, which matters for small pictures; a group is waited for as a whole.
        recipe = self.image_data_generator.recipe(self.data_format, self.dtype)
        if recipe.has_python:
            return 1
        pictures = self._pictures()
        return _GROUP // (4 * pictures.size[0] * pictures.size[1] * pictures.channels)

    def _settings(self) -> tuple[Any, ...]:
        return (*super()._settings(), *vars(self.image_data_generator).values())

    def _recipe(self) -> Recipe:
        generator = self.image_data_generator
        recipe = generator.recipe(self.data_format, self.dtype, validation=self.subset == "validation")
        recipe.standardization.warn_unfitted()
        if recipe.crop is not None:
            size = self._pictures().size
            if recipe.crop[0] > size[0] or recipe.crop[1] > size[1]:
                raise ValueError(
                    f"random_crop={recipe.crop} is larger than the pictures, which are {size[0]}x{size[1]}"
                )
        return recipe

    def _prepare(self) -> Recipe | None:
        return None if self._by_hand() or self._makes_its_own() else self._recipe()

    def _draw(self, common: Recipe | None, count: int) -> Drawn | None:
        return None if common is None else self._drawn(common, count)

    def _drawn(self, recipe: Recipe, count: int) -> Drawn:
        return Drawn(numbers(recipe.ranges, count, self._random), self._save_draws(count))

    def _submit(self, common: Recipe | None, steps: Sequence[Step]) -> Future[list[Any]]:
        if common is None:
            return super()._submit(common, steps)
        indices, drawn = [step.indices for step in steps], [cast(Drawn, step.drawn) for step in steps]
        return workers().conductors.submit(self._make, common, indices, drawn)

    def _make(self, recipe: Recipe, indices: Sequence[Ints], drawn: Sequence[Drawn]) -> list[Any]:
        batches = make(recipe, self._pictures(), indices, [one.numbers for one in drawn])
        for images, rows, one in zip(batches, indices, drawn, strict=True):
            self._save(images, rows, one.names)
        return [self._with_targets(images, rows) for images, rows in zip(batches, indices, strict=True)]

    def _get_batches_of_transformed_samples(self, index_array: Ints) -> Any:
        indices = np.asarray(index_array, np.int64)
        if not self._by_hand():
            recipe = self._recipe()
            return self._make(recipe, [indices], [self._drawn(recipe, len(indices))])[0]
        images = self._made_by_hand(self._plain(indices))
        self._save(images, indices, self._save_draws(len(indices)))
        return self._with_targets(images, indices)

    def _made_by_hand(self, plain: Images) -> Images:
        """Every picture through the generator's own methods, whoever wrote them."""
        generator = self.image_data_generator
        made: list[NDArray[Any]] = []
        with generator.drawing_from(self._random):
            for image in plain:
                parameters = generator.get_random_transform(image.shape)
                made.append(generator.standardize(generator.apply_transform(image, parameters)))
        return np.stack(made).astype(self.dtype, copy=False) if made else plain

    # ---------------------------------------------------------------------------------------------- saving

    def _save_draws(self, count: int) -> Ints | None:
        """The numbers in the names of the copies of `count` pictures, drawn where Keras draws them."""
        if not self.save_to_dir:
            return None
        return np.array([self._random.randint(self._save_numbers) for _ in range(count)], np.int64)

    def _save(self, images: Images, indices: Ints, drawn: Ints | None) -> None:
        if drawn is None:
            return
        folder = cast(str, self.save_to_dir)
        for image, index, number in zip(images, indices.tolist(), drawn.tolist(), strict=True):
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(folder, name))
