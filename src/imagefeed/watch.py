"""Watching a loader at work: how long a training waited for it, and a trace of where the time went."""

from __future__ import annotations

import itertools
import os
from types import TracebackType
from typing import Any

from imagefeed.checks import fail
from imagefeed.loader import Loader
from imagefeed.report import Report
from imagefeed.trace import write_trace


class Watch:
    """Tells at the end of a training how long the model waited for data, what limits, and what to try.

    A context manager around a loop of one's own, or a callback of `keras.Model.fit`:

        >>> from imagefeed import Loader, Pipeline, Resize, Watch
        >>> loader = Loader(photos, Pipeline([Resize((32, 32))]))
        >>> with Watch(loader, tell=False) as watch:
        ...     for images, labels in loader:
        ...         pass
        >>> watch.report.images
        12

    Args:
        loader: What is watched. Its time before is not counted.
        tell: Whether to print the report at the end.
    """

    def __init__(self, loader: Loader, *, tell: bool = True) -> None:
        if not isinstance(loader, Loader):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("Watch(loader=)", loader, "expected a Loader")
        self.loader = loader
        self.tell = tell
        self.report: Report | None = None
        """What was found, once it has ended."""
        self._before: Report | None = None

    def __enter__(self) -> Watch:
        self._before = self.loader.report()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        found = self.loader.report()
        self.report = found if self._before is None else found.since(self._before)
        if self.tell:
            from rich import print as show  # rich: not before it is needed

            show(self.report)

    def on_train_begin(self, logs: Any = None) -> None:
        """Keras begins to train."""
        self.__enter__()

    def on_train_end(self, logs: Any = None) -> None:
        """Keras has trained."""
        self.__exit__(None, None, None)

    def __getattr__(self, name: str) -> Any:
        # What else Keras calls on a callback: set_model, set_params, on_epoch_begin, on_train_batch_end and so on.
        if name.startswith(("on_", "set_", "_on_")):
            return _nothing
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def profile(loader: Loader, path: str | os.PathLike[str], *, batches: int = 100) -> Report:
    """Take some batches, and write a trace of where the time went that chrome://tracing and ui.perfetto.dev show.

        >>> from imagefeed import Loader, Pipeline, Resize, profile
        >>> report = profile(Loader(photos, Pipeline([Resize((32, 32))])), photo_folder / "trace.json")
        >>> report.batches
        1

    Args:
        loader: Whose next epoch is taken from; `isolate` is left out, so that all happens in this process.
        path: The file to be written, such as "trace.json".
        batches: How many batches are taken, at most.

    Returns:
        The report of these batches.
    """
    if type(batches) is not int or batches < 1:
        raise fail("profile(batches=)", batches, "expected an integer above 0")
    one = loader._rebuilt(isolate=False)  # pyright: ignore[reportPrivateUsage]
    meter = one._ready_engine().meter  # pyright: ignore[reportPrivateUsage]
    meter.events = []
    for _ in itertools.islice(one.batches(loader.epoch), batches):
        continue
    write_trace(path, meter.events)
    return one.report()


def _nothing(*arguments: Any, **named: Any) -> None:
    """What a callback does that is not asked for anything."""
