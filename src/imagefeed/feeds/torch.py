"""Batches as torch tensors, on the device that they are wanted on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SpecError
from imagefeed.feeds.batches import Batches, FeedDtype, Units, ahead, mapped

torch: Any = import_module("torch")
data: Any = import_module("torch.utils.data")

# Batches on their way to the device while one is being used. One would do for a steady loop; a second covers a step
# that is quicker than the others.
_ON_THE_WAY = 2


class TorchFeed(data.IterableDataset):
    """What `loader.torch()` gives: see there.

    Each iteration is one epoch. Lightning, Accelerate and plain loops take it as it is; so does
    `torch.utils.data.DataLoader(feed, batch_size=None)`, which must not have workers: the threads are the loader's own.

    Attributes:
        loader: The loader behind it, which counts the epochs and whose `state_dict()` says where they stand.
        device: Where the tensors are.
    """

    def __init__(self, loader: Batches, units: Units | None, *, device: Any, dtype: FeedDtype | None) -> None:
        self.loader = loader
        self.device = torch.device("cpu" if device is None else device)
        self._units = units
        self._dtype = None if dtype is None else getattr(torch, dtype)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        if data.get_worker_info() is not None:
            raise SpecError(
                "DataLoader(num_workers=...): every worker would give every batch; use num_workers=0, the loader has "
                "threads of its own"
            )
        form = _Form(self._units, self._dtype, self.device, planes=self.loader.layout == "nchw")
        if self.device.type == "cuda":
            return _uploaded(self.loader, form)
        return (
            mapped(batch, lambda one: form.images(tensor(one)), lambda one: form.moved(tensor(one)))
            for batch in self.loader
        )


class _Form:
    """What becomes of a tensor on its device."""

    def __init__(self, units: Units | None, dtype: Any, device: Any, *, planes: bool) -> None:
        self.device = device
        self._dtype = dtype
        self._planes = planes
        self._units: tuple[Any, Any] | None = None
        if units is not None:  # for pictures of (batch, channels, height, width)
            scale, bias = (torch.from_numpy(one.copy())[:, None, None].to(device) for one in (units.scale, units.bias))
            self._units = scale, bias

    def moved(self, one: Any) -> Any:
        return one.to(self.device, non_blocking=True)

    def images(self, one: Any) -> Any:
        result = self.moved(one)
        if not self._planes:  # the same memory, in the order of axes that torch's layers expect
            result = result.permute(0, 3, 1, 2)
        if self._units is not None:
            result = result.to(torch.float32).mul_(self._units[0]).add_(self._units[1])
        return result if self._dtype is None else result.to(self._dtype)


def _uploaded(loader: Batches, form: _Form) -> Iterator[Any]:
    """Batches on a CUDA device, copied from pinned memory on a stream of their own, ahead of the one in use."""
    stream = torch.cuda.Stream(form.device)

    def send(batch: Any) -> tuple[Any, Any]:
        with torch.cuda.stream(stream):
            on_device = mapped(
                batch,
                lambda one: form.images(tensor(one).pin_memory()),
                lambda one: form.moved(tensor(one).pin_memory()),
            )
            return on_device, stream.record_event()

    for batch, arrived in ahead(map(send, loader), _ON_THE_WAY):
        current = torch.cuda.current_stream(form.device)
        current.wait_event(arrived)

        def kept(one: Any, current: Any = current) -> Any:
            one.record_stream(current)  # its memory is not used again before the work on it is done
            return one

        yield mapped(batch, kept, kept)


def tensor(array: NDArray[Any]) -> Any:
    """The tensor of an array, in the same memory: as long as it lives, the loader uses that for nothing else."""
    writable = array if array.flags.writeable else np.array(array)
    if array.dtype.name == "bfloat16":  # which torch does not take from NumPy
        return torch.from_numpy(writable.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(writable)
