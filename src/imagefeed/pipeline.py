"""An ordered tuple of transforms: the description of what happens to every picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, fail
from imagefeed.errors import SpecError
from imagefeed.spec import load, register, save
from imagefeed.transforms.base import Transform
from imagefeed.transforms.choosing import check_transform
from imagefeed.types import Layout, Size
from imagefeed.variables import Variable


@register
@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps that turn a picture into its place in a batch.

    Geometry and color come first and work on levels from 0 to 255; Rescale and Normalize come last.

    Attributes:
        steps: The transforms, in order.
        training: Whether pictures may be decoded at a fraction of their size where the result is that much
            smaller, which is faster and slightly different. Never done where nothing is random.
    """

    steps: Sequence[Transform]
    _: KW_ONLY
    training: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.steps, list | tuple):
            raise fail("Pipeline.steps", self.steps, "expected a list of transforms")
        object.__setattr__(self, "steps", tuple(self.steps))  # so that it can be hashed
        check_bool("Pipeline.training", self.training)
        for number in range(len(self.steps)):
            _check_step(self.steps, number)

    def __iter__(self) -> Iterator[Transform]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __add__(self, other: Pipeline) -> Pipeline:
        """The steps of this pipeline, then those of another; in training mode if both are."""
        if not isinstance(other, Pipeline):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        return Pipeline((*self.steps, *other.steps), training=self.training and other.training)

    def __repr__(self) -> str:
        lines = "".join(f"    {step!r},\n" for step in self.steps)
        steps = f"[\n{lines}]" if lines else "[]"
        return f"Pipeline({steps})" if self.training else f"Pipeline({steps}, training=False)"

    def _repr_html_(self) -> str:
        from imagefeed.notebook import pipeline_html

        return pipeline_html(self)

    @property
    def is_random(self) -> bool:
        """Whether a record can look different the next time."""
        return any(step.variables() for step in self.steps)

    @property
    def shares_draws(self) -> bool:
        """Whether something is drawn once for a whole batch."""
        return bool(shared_numbers([Step.of(k, step) for k, step in enumerate(self.steps)]).any())

    def deterministic(self) -> Pipeline:
        """The pipeline for validation and serving: nothing random, and every picture decoded fully."""
        steps = [form for step in self.steps for form in step.deterministic()]
        return Pipeline(steps, training=False)

    def levels(self) -> Pipeline:
        """The pipeline without the steps that leave the levels 0 to 255 for a model's units, and what follows them:
        what a screen can show.

        >>> from imagefeed import Pipeline, Rescale, Resize
        >>> len(Pipeline([Resize((224, 224)), Rescale(1 / 255)]).levels())
        1
        """
        return Pipeline([step for step in self.steps if step.role not in ("units", "batch")], training=self.training)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pipeline to one safetensors file: the steps as JSON, their arrays as tensors. A name that ends in
        .json gives a file of text instead, which has no place for arrays.

            >>> from imagefeed import Normalize, Pipeline, Resize
            >>> pipeline = Pipeline([Resize((224, 224)), Normalize.preset("imagenet")])
            >>> pipeline.save(photo_folder / "preprocess.safetensors")
            >>> Pipeline.load(photo_folder / "preprocess.safetensors") == pipeline
            True

        Raises:
            SpecError: A step cannot be written, such as a function that is not registered, or arrays as JSON.
            OSError: The file cannot be written.
        """
        save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Pipeline:
        """What `save` wrote. It runs no code of the file's: the steps are those of this package, and what
        `imagefeed.register` was told of.

        Raises:
            SpecError: There is no such file, it is damaged, or it holds something else; the message names the place,
                as `steps[2].Rotate.degrees`.
        """
        return load(path, cls)

    def to_keras(self, *, seed: int | None = None, name: str | None = None) -> Any:
        """The pipeline as a Keras layer, from pictures to what a model takes; on any of Keras's backends.

        In training it is random, by a generator of its own; else it is that of `deterministic()`. Its statistics are
        weights that are not trained. It can be compiled, exported, and saved with its model; `import
        imagefeed.adapters.keras` before such a model is loaded.

            >>> import keras, imagefeed as feed
            >>> pipeline = feed.Pipeline([feed.RandomResizedCrop((24, 24)), feed.Normalize.preset("imagenet")])
            >>> model = keras.Sequential([pipeline.to_keras(seed=0), keras.layers.GlobalAveragePooling2D()])
            >>> model(feed.read(tiny_jpeg)[None]).shape
            (1, 3)

        Args:
            seed: Of the generator; None for another one every time.
            name: The layer's name.

        Returns:
            A keras.layers.Layer; it takes (n, height, width, channels), uint8 or floats in 0..255, and gives float32,
            or the compute dtype of a policy of mixed precision.

        Raises:
            SpecError: A step is a Python function.
        """
        from imagefeed.adapters.keras import Preprocess

        return Preprocess(self, seed=seed, name=name)

    def to_torch(self, *, layout: Layout = "nchw") -> Any:
        """The pipeline as a torch.nn.Module, for the front of a model: it can be compiled, moved and saved.

        In training mode it is random, by torch's own generator; in evaluation mode it is `deterministic()`. Its
        statistics are buffers.

            >>> import torch, imagefeed as feed
            >>> pipeline = feed.Pipeline([feed.RandomResizedCrop((24, 24)), feed.Normalize.preset("imagenet")])
            >>> module = pipeline.to_torch().eval()
            >>> image = torch.from_numpy(feed.read(tiny_jpeg)).permute(2, 0, 1)
            >>> module(image[None]).shape
            torch.Size([1, 3, 24, 24])

        Args:
            layout: The order of the axes of what comes in, uint8 or floats in 0..255, and of what goes out, float32.

        Raises:
            SpecError: A step is a Python function.
        """
        from imagefeed.adapters.torch import Preprocess

        return Preprocess(self, layout)

    def to_jax(self) -> Any:
        """The pipeline as a pure JAX function `preprocess(images, key=None)`.

        With a key it is random; without one it is that of `deterministic()`.

            >>> import jax, imagefeed as feed
            >>> pipeline = feed.Pipeline([feed.RandomResizedCrop((24, 24)), feed.Rescale(1 / 255)])
            >>> preprocess = jax.jit(pipeline.to_jax())
            >>> preprocess(feed.read(tiny_jpeg)[None], jax.random.key(0)).shape
            (1, 24, 24, 3)

        Returns:
            A function of pictures (n, height, width, channels), uint8 or floats in 0..255, that gives float32.

        Raises:
            SpecError: A step is a Python function.
        """
        from imagefeed.adapters.jax import to_jax

        return to_jax(self)

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        layout: Layout = "nhwc",
        size: Size | None = None,
        channels: int = 3,
    ) -> None:
        """Write what the pipeline does at serving, `deterministic()`, as an ONNX file of opset 17.

        Its input "pictures" is uint8 (n, height, width, channels); its output "prepared" is float32.

            >>> import onnxruntime, imagefeed as feed
            >>> pipeline = feed.Pipeline([feed.Resize((24, 24)), feed.Normalize.preset("imagenet")])
            >>> pipeline.to_onnx(photo_folder / "prepare.onnx", layout="nchw")
            >>> session = onnxruntime.InferenceSession(photo_folder / "prepare.onnx")
            >>> session.run(None, {"pictures": feed.read(tiny_jpeg)[None]})[0].shape
            (1, 3, 24, 24)

        Args:
            path: Where to.
            layout: The order of the axes of what comes out.
            size: Height and width of the pictures that come in; None for any. Where it is known the file holds the
                weights of a resize, and needs no 64-bit floats.
            channels: Of the pictures.

        Raises:
            SpecError: A step is a Python function.
            PlanError: The size of the result depends on the picture's.
            OSError: The file cannot be written.
        """
        from imagefeed.adapters.onnx import to_onnx

        to_onnx(self, path, layout=layout, size=size, channels=channels)

    def stages(self, start: int = 0) -> tuple[Stage, ...]:
        """The pipeline, from a step on, cut after every Python function, whose result has a size that only it knows,
        and after every transform that takes other records.

        There is always at least one stage. The numbers of the steps, and so their draws, are those in the
        pipeline.
        """
        numbered = list(enumerate(self.steps))[start:]
        steps = [Step.of(number, part) for number, step in numbered for part in step.parts() if part.role != "batch"]
        ends = [k + 1 for k, step in enumerate(steps) if step.transform.role in ("host", "mix")]
        if not ends or ends[-1] != len(steps):
            ends.append(len(steps))
        scalable = self.training and self.is_random
        return tuple(
            Stage.of(tuple(steps[begin:end]), scalable=scalable and begin == 0)
            for begin, end in zip([0, *ends[:-1]], ends, strict=True)
        )

    def batch_steps(self) -> tuple[Step, ...]:
        """The steps at the end that work on whole batches."""
        return tuple(Step.of(number, step) for number, step in enumerate(self.steps) if step.role == "batch")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A transform, or a part of one, at its place in a pipeline, with what it draws."""

    number: int
    transform: Transform
    variables: Mapping[str, Variable]

    @classmethod
    def of(cls, number: int, transform: Transform) -> Step:
        """The step of a transform."""
        return cls(number, transform, dict(transform.variables()))

    @property
    def where(self) -> str:
        """The step, for messages."""
        return f"steps[{self.number}].{self.transform.title}"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Steps that are planned together. Only the last one may be a Python function, or take other records.

    Attributes:
        steps: The steps, in order.
        scalable: Whether the picture may be decoded at a fraction of its size.
        numbers: The numbers of the steps that draw, shape (k,).
        counts: How many uniform numbers each of them takes, shape (k,).
        shared: Which of these numbers all records of a batch share, bool (sum(counts),).
    """

    steps: tuple[Step, ...]
    scalable: bool
    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]
    shared: NDArray[np.bool_]

    @property
    def partners(self) -> int:
        """How many other records each record takes at the end."""
        return self.steps[-1].transform.partners if self.steps else 0

    @classmethod
    def of(cls, steps: tuple[Step, ...], *, scalable: bool) -> Stage:
        """The stage of some steps."""
        random = [step for step in steps if step.variables]
        numbers = [step.number for step in random]
        counts = [sum(variable.count for variable in step.variables.values()) for step in random]
        shared = shared_numbers(random)
        return cls(steps, scalable, np.array(numbers, np.int64), np.array(counts, np.int64), shared)


def shared_numbers(steps: Sequence[Step]) -> NDArray[np.bool_]:
    """Which of the uniform numbers that some steps take, one step after another, all records of a batch share."""
    variables = [variable for step in steps for variable in step.variables.values()]
    return np.repeat(
        np.array([variable.per == "batch" for variable in variables], np.bool_),
        [variable.count for variable in variables],
    )


def _check_step(steps: Sequence[Transform], number: int) -> None:
    """Raise SpecError unless the step is a transform at a place where it may stand."""
    step, where = steps[number], f"steps[{number}]"
    if isinstance(step, Pipeline):
        raise fail(where, "a Pipeline", "join pipelines as first + second")
    check_transform(where, step)
    name = type(step).__name__
    parameters: Any = getattr(step, "__dataclass_params__", None)
    if not is_dataclass(step) or not parameters.frozen:
        raise SpecError(f"{where}.{name}: not a frozen dataclass; put @dataclass(frozen=True) above it")
    if number and step.role != "batch" and steps[number - 1].role == "batch":
        raise SpecError(
            f"{where}.{name}: comes after steps[{number - 1}], which works on whole batches; move it before"
        )
    if number and step.role not in ("units", "batch") and steps[number - 1].role == "units":
        before = type(steps[number - 1]).__name__
        raise SpecError(
            f"{where}.{name}: works on levels from 0 to 255, which steps[{number - 1}].{before} leaves; "
            f"move {before} to the end"
        )
