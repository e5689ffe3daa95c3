"""What a source is."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import CHANNELS, Color
from imagefeed.stored import LevelsDtype
from imagefeed.targets import Targets

if TYPE_CHECKING:
    from imagefeed.sources.parts import Relabeled, Subset
    from imagefeed.sources.sampling import Keep, To
    from imagefeed.sources.split import By, Groups

Ints = NDArray[np.int64]


class Source(ABC):
    """An immutable, indexable list of records.

    Attributes:
        classes: The names that labels count, in order; empty where there are none.
        color: What encoded pictures become: "rgb", "gray", "rgba" or "gray16", as for `read`.
        in_memory: Whether records are pixels that are in memory already.
    """

    classes: tuple[str, ...] = ()
    color: Color = "rgb"
    in_memory: bool = False

    @abstractmethod
    def __len__(self) -> int:
        """How many records there are."""

    @abstractmethod
    def names(self, indices: Ints) -> list[str]:
        """What each record is called in messages: its path, if it has one."""

    def keys(self, indices: Ints) -> list[str]:
        """What each record is called wherever its data lie: a path without the part above the data set."""
        return self.names(indices)

    @abstractmethod
    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        """Put the bytes or pixels of `indices` into `records`, or name the files that hold them.

        Returns:
            One path for each index, which the native core reads: empty where the record is filled. Or nothing
            at all, where every record is.
        """

    def read_ahead(self, indices: Ints) -> None:  # noqa: B027 - most have nothing to begin
        """Told that these records will be staged soon. Sources whose bytes are far away begin to get them."""

    def identities(self, indices: Ints, *, content: bool = False) -> list[bytes]:
        """What tells one version of each record's picture from another, so that a cache knows it again.

        Args:
            indices: The records.
            content: Whether to go by all bytes of a picture, instead of its file's path, size, modification time and
                inode.

        Returns:
            One for each record; empty where there is none, since the picture is missing or is an array.
        """
        records = _native.Records(len(indices))
        files = self.stage(records, indices)
        known = [b""] * len(indices) if content or not files else records.versions(files)
        for row in range(len(indices)):
            if not files or not files[row]:
                data = records.bytes(row)
                known[row] = _digest(data) if data else b""
            elif content:
                known[row] = _content(files[row], *records.range(row))
        return known

    @abstractmethod
    def targets(self, indices: Ints) -> Targets:
        """What goes with each of the pictures: nothing, one target, or a dict of several by name.

        A target is an array with a leading axis of len(indices), or a `Target` of that length (`Boxes`, `Mask`, ...).
        Called once for every batch, by the thread that plans: it must be quick, and leave files unread.
        """

    def sample_weights(self, indices: Ints) -> NDArray[np.float32] | None:
        """How much each record counts in the loss, float32 (n,); None where all count alike."""
        return None

    def class_indices(self, indices: Ints) -> Ints | None:
        """The class of each record, int64 (n,); None where records have none."""
        return None

    def _repr_html_(self) -> str:
        from imagefeed.notebook import source_html

        return source_html(self)

    @property
    def files(self) -> list[str]:
        """The name of every record: its path, where it is a file."""
        return self.names(np.arange(len(self)))

    @property
    def labels(self) -> Ints | None:
        """The class number of every record, int64 (n,); None where records have none."""
        return self.class_indices(np.arange(len(self)))

    @property
    def channels(self) -> int:
        """How many channels the pictures have."""
        return CHANNELS[self.color]

    @property
    def levels_dtype(self) -> LevelsDtype:
        """How finely levels from 0 to 255 are told apart: "float32" where a picture holds more than 8 bits."""
        return "float32" if self.color == "gray16" else "uint8"

    @property
    def class_counts(self) -> dict[str, int]:
        """How many records each class has."""
        found = self.class_indices(np.arange(len(self)))
        counts: Counter[int] = Counter([] if found is None else found.tolist())
        return {name: counts[k] for k, name in enumerate(self.classes)}

    # ---------------------------------------------------------------------------------------- parts of it
    # What these methods do is written in terms of this class, so it is imported late.

    def split(
        self,
        *,
        validation: float = 0.2,
        seed: int = 0,
        by: By | None = None,
        groups: Groups | None = None,
    ) -> tuple[Subset, Subset]:
        """Two sources: one to train on, one to validate with. Every record is in exactly one of them.

            >>> train, val = photos.split(validation=0.5, seed=0)
            >>> len(train), len(val)
            (6, 6)
            >>> train, val = photos.split(by="hash")  # a record stays on its side, whatever is added later

        Args:
            validation: The share of the second, above 0 and below 1.
            seed: Chooses the records; the same seed chooses the same ones.
            by: "stratified" for the same share of every class; "random" for a share of the whole; "group" to keep
                groups together; "hash" to choose by each record's key alone, so that the choice holds when records
                are added or taken away (the share is then about right, not exact); "sorted" for the last records
                in the source's order. By default "group" where groups are given, "stratified" where records have
                classes, and else "random".
            groups: For "group" and "hash": the group of every record, or a function that finds it from the key.

        Raises:
            SpecError: A share outside (0, 1), or arguments that do not go together.
            SourceError: One side would be empty, or there are no classes to stratify by.
        """
        from imagefeed.sources.split import split

        return split(self, validation=validation, seed=seed, by=by, groups=groups)

    def folds(
        self, count: int, *, seed: int = 0, by: By | None = None, groups: Groups | None = None
    ) -> Iterator[tuple[Subset, Subset]]:
        """Pairs (train, validation) for cross-validation: every record is in the validation part of exactly one.

            >>> [(len(train), len(val)) for train, val in photos.folds(3)]
            [(8, 4), (8, 4), (8, 4)]

        Args:
            count: How many pairs, at least 2.
            seed: As for `split`.
            by: As for `split`.
            groups: As for `split`.

        Raises:
            SpecError: An argument has a value that it cannot have.
            SourceError: A part would be empty, or there are no classes to stratify by.
        """
        from imagefeed.sources.split import folds

        return folds(self, count, seed=seed, by=by, groups=groups)

    def subset(self, indices: Any) -> Subset:
        """The records with these numbers, in this order; a number may come several times.

            >>> photos.subset([0, 11, 0]).labels.tolist()
            [0, 1, 0]

        Args:
            indices: Integers from 0 to len - 1.

        Raises:
            SpecError: They are something else.
        """
        from imagefeed.sources.sampling import subset

        return subset(self, indices)

    def take(self, count: int) -> Subset:
        """The first `count` records, or all where there are fewer."""
        return self.subset(np.arange(max(0, min(count, len(self)))))

    def filter(self, keep: Keep) -> Subset:
        """The records that are to be kept.

            >>> photos.filter(lambda key, target: target == 1)
            Subset(6 records: cats 0, dogs 6)

        Args:
            keep: A function of a record's key and target that says whether to keep it; or True or False for each.

        Raises:
            SpecError: It is something else.
            SourceError: No record is kept.
        """
        from imagefeed.sources.sampling import filtered

        return filtered(self, keep)

    def map_labels(self, names: Mapping[str, str | None] | Callable[[str], str | None]) -> Relabeled:
        """The same records with other classes: several may become one, and some may be left out.

            >>> photos.map_labels({"cats": "pets", "dogs": "pets"})
            Relabeled(12 records: pets 12)
            >>> photos.map_labels({"cats": None})
            Relabeled(6 records: dogs 6)

        Args:
            names: The new name of each class; None leaves its records out (of several labels, only that label).
                A mapping leaves classes that it does not name as they are; a function is asked for each.

        Raises:
            SpecError: A name is no class, or becomes something other than a name.
            SourceError: There are no classes, the targets are not labels, or nothing would be left.
        """
        from imagefeed.sources.parts import relabel

        return relabel(self, names)

    def class_weights(self) -> NDArray[np.float32]:
        """How much each class should count so that all count alike: n / (classes * count), float32 (classes,).

        For Keras: `class_weight=dict(enumerate(source.class_weights()))`; for torch: `torch.from_numpy(...)`.

            >>> photos.class_weights()
            array([1., 1.], dtype=float32)

        Raises:
            SourceError: Records have no classes, or one of them has no records.
        """
        from imagefeed.sources.sampling import class_weights

        return class_weights(self)

    def balanced(self, *, to: To = "largest", seed: int = 0) -> Subset:
        """As many records of every class. Each repetition is drawn anew: it is another picture after augmentation.

            >>> len(photos.take(8).balanced())  # 6 cats and 2 dogs
            12

        Args:
            to: "largest": records of smaller classes come several times, none twice more often than another of its
                class. "smallest": only some records of larger classes are taken.
            seed: Chooses the records.

        Raises:
            SourceError: Records have no classes.
        """
        from imagefeed.sources.sampling import balanced

        return balanced(self, to=to, seed=seed)

    def _summary(self) -> str:
        """The end of a repr: how many records, of which classes."""
        records = f"{len(self)} record{'' if len(self) == 1 else 's'}"
        if not self.classes:
            return records
        counts = [f"{name} {count}" for name, count in self.class_counts.items()]
        if len(counts) > 8:
            counts = [*counts[:7], f"… {len(counts) - 7} more"]
        return f"{records}: {', '.join(counts)}"


def _content(file: str, offset: int, length: int) -> bytes:
    try:
        with open(file, "rb") as opened:
            opened.seek(offset)  # of a file that holds many pictures, each is a part
            return _digest(opened.read(length))
    except OSError:
        return b""


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
