"""`imagefeed demo`: the main job, from a folder of photographs to a trained model and predictions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.backend import load_keras
from imagefeed.cli.photographs import write_photographs
from imagefeed.cli.preview import save
from imagefeed.cli.race import Race, race
from imagefeed.cli.recipe import recipe
from imagefeed.cli.scan import open_folder, scan
from imagefeed.cli.sheet import contact_sheet
from imagefeed.cli.training import Outcome, small_model, train
from imagefeed.errors import SourceError
from imagefeed.loader import Loader
from imagefeed.pipeline import Pipeline
from imagefeed.rendering import render
from imagefeed.sources import Source, Subset, folder

_STEPS = 5
_PREDICTIONS = 5


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the steps of the demo share.

    Attributes:
        photos: The folder with a sub-folder for every class.
        output: Where results go.
        source: The photographs in it that can be read.
        training, validation: The same, each in one of them.
        pipeline: What the training pictures go through.
        size: Height and width in pixels of what the model sees.
        batch_size: Of training.
        epochs: Of training.
        seed: Of the split, the draws and the weights.
    """

    photos: Path
    output: Path
    source: Source
    training: Source
    validation: Source
    pipeline: Pipeline
    size: int
    batch_size: int
    epochs: int
    seed: int


def demo(
    photos: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Your photographs, a sub-folder for every class; else those of scikit-image and -learn.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where results go.")] = Path("imagefeed-demo"),
    size: Annotated[int, typer.Option(min=32, help="Height and width of what the model sees.")] = 96,
    epochs: Annotated[int, typer.Option(min=1, help="How often the model sees every photograph.")] = 30,
    batch_size: Annotated[int, typer.Option(min=1, help="How many photographs a batch has.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the draws and the model's first weights.")] = 0,
) -> None:
    """Train a small Keras model on photographs, and see every part of it.

    Leaves a contact sheet, the trained model, and all figures with some predictions from the bytes of files as JSON.
    """
    if photos is not None:
        open_folder(photos)  # a wrong one is told before Keras is loaded, which takes a while
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    job = _photographs(photos, output, size, epochs, batch_size, seed)
    _contact_sheet(job)
    speed = _speed(job)
    outcome = _training(keras, job)
    predictions = _predictions(keras, job)
    figures = {
        "classes": list(job.training.classes),
        "training": len(job.training),
        "validation": len(job.validation),
        "pipeline": repr(job.pipeline),
        "keras": {"version": keras.__version__, "backend": keras.backend.backend()},
        "speed": asdict(speed),
        "outcome": asdict(outcome),
        "predictions": predictions,
    }
    (output / "figures.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False), encoding="utf-8")
    left = ", ".join(sorted(one.name for one in output.iterdir()))
    console.out.print(f"\nIn [bold]{escape(str(output))}[/]: {left}", soft_wrap=True)


# --------------------------------------------------------------------------------------------- the steps


def _photographs(photos: Path | None, output: Path, size: int, epochs: int, batch_size: int, seed: int) -> Job:
    if photos is None:
        with console.counting("cutting photographs") as advance:
            write_photographs(output / "photographs", advance=advance)
        photos = output / "photographs" / "tiles"
    _heading(1, "Photographs")
    source = _readable(photos)
    training, validation = source.split(validation=0.2, seed=seed)
    _say(f"{len(training)} to train on, {len(validation)} to validate with: 20 % of each class, by seed {seed}")
    output.mkdir(parents=True, exist_ok=True)
    return Job(
        photos=photos,
        output=output,
        source=source,
        training=training,
        validation=validation,
        pipeline=recipe(size),
        size=size,
        batch_size=min(batch_size, len(training)),
        epochs=epochs,
        seed=seed,
    )


def _readable(photos: Path) -> Source:
    """The pictures of a folder that can be read; the others are named."""
    source = folder(photos)
    if len(source.classes) < 2:
        raise SourceError(f"{photos}: has one class only; expected a sub-folder for each of two or more")
    with console.counting("decoding") as advance:
        found = scan(photos, advance=advance)
    classes = ", ".join(f"{name} {count}" for name, count in source.class_counts.items())
    _say(f"{photos}: {len(source)} files, {len(source.classes)} classes: {classes}")
    for one in found.unreadable:
        _say(f"left out {one.path}: {one.reason}")
    bad = {str(photos / one.path) for one in found.unreadable}
    return Subset(source, np.flatnonzero([file not in bad for file in source.files]))


def _contact_sheet(job: Job) -> None:
    path = job.output / "contact-sheet.png"
    sheet = contact_sheet(
        job.training, job.pipeline, title=job.photos.resolve().name, photographs=8, draws=6, seed=job.seed
    )
    save(sheet, path)
    _heading(2, "What the model will see")
    _say(f"{path}: originals, and beside each several draws of")
    console.out.print(escape(repr(job.pipeline)), style="dim")


def _speed(job: Job) -> Race:
    rounds = 3
    _heading(3, "Speed, on the same files in turns: decode, resize, rotate, flip, rescale")
    with console.progress() as bar:
        task = bar.add_task("measuring", total=2 * rounds, note="")
        result = race(
            job.source,
            job.photos,
            size=job.size,
            batch_size=job.batch_size,
            rounds=rounds,
            advance=lambda note: bar.update(task, advance=1, note=note),
        )
    _say(f"imagefeed                 {result.ours:>8,.0f} images/s")
    if result.theirs is None:
        _say(f"Keras ImageDataGenerator  no figure: {result.reason}")
    else:
        _say(f"Keras ImageDataGenerator  {result.theirs:>8,.0f} images/s")
        _say(f"[bold]{result.ours / result.theirs:.1f} times as fast[/]", markup=True)
    return result


def _training(keras: Any, job: Job) -> Outcome:
    model = small_model(keras, job.size, len(job.training.classes))
    training = Loader(
        job.training,
        job.pipeline,
        batch_size=job.batch_size,
        seed=job.seed,
        drop_last=True,  # every batch in one shape: the backend compiles once
    )
    validation = Loader(job.validation, job.pipeline.deterministic(), batch_size=job.batch_size)
    backend = f"Keras {keras.__version__} on {keras.backend.backend()}"
    _heading(4, f"Training: {backend}, {model.count_params():,} weights")
    with console.progress() as bar:
        outcome = train(keras, model, training, validation, epochs=job.epochs, bar=bar)
    path = job.output / "model.keras"
    model.save(path)
    rate = f", {outcome.images_per_second:,.0f} images/s" if outcome.images_per_second else ""
    _say(f"{job.epochs} epochs in {outcome.seconds:,.0f} s{rate}; the model is in {path}")
    _say(_judged(outcome.validation_accuracy, job.validation), markup=True)
    return outcome


def _predictions(keras: Any, job: Job) -> list[dict[str, Any]]:
    """What the saved model says of some files that it was not trained on, from their bytes."""
    model = keras.models.load_model(job.output / "model.keras")
    generator = np.random.Generator(np.random.Philox(key=job.seed))
    shown = min(_PREDICTIONS, len(job.validation))
    chosen = Subset(job.validation, generator.choice(len(job.validation), shown, replace=False))
    pictures = [Path(file).read_bytes() for file in chosen.files]
    scores = np.asarray(model.predict(render(pictures, job.pipeline), verbose=0))
    _heading(5, "Predictions from the bytes of files that the model was not trained on")
    found: list[dict[str, Any]] = []
    for file, truth, row in zip(chosen.files, np.asarray(chosen.labels), scores, strict=True):
        order = np.argsort(-row)
        named = ", ".join(f"{chosen.classes[k]} {row[k]:.0%}" for k in order[:3])
        mark = "[green]right[/]" if order[0] == truth else "[red]wrong[/]"
        _say(f"{mark}  {escape(str(Path(file).relative_to(job.photos)))}: {escape(named)}", markup=True)
        found.append(
            {
                "file": file,
                "class": chosen.classes[truth],
                "predicted": chosen.classes[order[0]],
                "probabilities": {chosen.classes[k]: float(row[k]) for k in order},
            }
        )
    return found


# ---------------------------------------------------------------------------------------------- in words


def _heading(number: int, text: str) -> None:
    console.out.print(f"\n[bold cyan]{number}/{_STEPS}[/] [bold]{escape(text)}[/]")


def _say(text: str, *, markup: bool = False) -> None:
    console.out.print("    " + text, markup=markup, soft_wrap=True)


def _judged(accuracy: float, validation: Source) -> str:
    """An accuracy beside what always naming the largest class would give, with its uncertainty."""
    count = len(validation)
    guess = max(validation.class_counts.values()) / count
    low, high = wilson_interval(accuracy, count)
    verdict = "" if low > guess else "; [yellow]that may be chance: more photographs or epochs would help[/]"
    return (
        f"[bold]validation accuracy {accuracy:.1%}[/] of {count} (95 % interval {low:.0%} to {high:.0%}); "
        f"always naming the largest class gives {guess:.1%}{verdict}"
    )


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` trials (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    z = 1.959964  # the 97.5 % quantile of the normal distribution
    center = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return center - reach, center + reach
