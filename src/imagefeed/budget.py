"""One amount of memory, and what of it a cache, decoding and the batches on their way may take."""

from __future__ import annotations

from dataclasses import dataclass

from imagefeed.cache import Cache
from imagefeed.errors import SpecError
from imagefeed.memory import available_memory, format_bytes, parse_bytes

# Of what is free, where nothing else is said; and of that, what a cache in memory takes.
_SHARE = 0.75
_CACHE_SHARE = 2 / 3
# What is taken to be free where the system does not say.
_UNKNOWN = 4 << 30
# What the files of records that are planned together may take, in bytes and of all that is on its way.
_GROUP = 16 << 20
_GROUP_SHARE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a loader may take of memory, in bytes.

    Attributes:
        total: In all.
        cache: A cache in memory; 0 where there is none.
        decoding: The pictures that are being decoded, and what the threads keep for the next ones.
        moving: Files that were read and batches that are made or waiting, up to the one in use.
    """

    total: int
    cache: int
    decoding: int
    moving: int

    @staticmethod
    def of(memory: int | str | None, cache: Cache | None = None, *, free: int | None = None) -> Budget:
        """Divide an amount of memory: two thirds for a cache in memory that has no budget of its own; the rest in
        halves for decoding and for what is on its way.

        Args:
            memory: The amount, as `Loader(memory=)` is given it; None for three quarters of what is free.
            cache: The loader's cache.
            free: What is free; by default what the system and this process's control groups say.

        Raises:
            SpecError: The cache's own budget does not leave anything.
        """
        stated = None if memory is None else parse_bytes("Loader(memory=)", memory)
        if stated is None:
            free = available_memory() if free is None else free
            total = max(1, int(_SHARE * (_UNKNOWN if free is None else free)))
        else:
            total = stated
        kept = 0
        if cache is not None and cache.in_ram:
            kept = int(_CACHE_SHARE * total)
            if cache.budget is not None:
                wanted = parse_bytes("Cache.budget", cache.budget)
                if stated is not None and wanted >= stated:
                    raise SpecError(
                        f"Loader(memory={memory!r}): Cache.budget takes {format_bytes(wanted)} of it, so that nothing "
                        "is left to decode with; lower the one or raise the other"
                    )
                kept = wanted if stated is not None else min(wanted, kept)
        half = (total - kept) // 2
        return Budget(total=total, cache=kept, decoding=half, moving=half)

    @property
    def group(self) -> int:
        """What the files of records that are planned together may take, unless one batch has more."""
        return max(1, min(_GROUP, self.moving // _GROUP_SHARE))

    def ahead(self, wanted: int, batch: int, files: int) -> int:
        """How many batches may be ahead of the one in use.

        Args:
            wanted: How many would be good.
            batch: The bytes of one.
            files: The bytes of the files that it is made of.

        Raises:
            SpecError: Not even one.
        """
        # Two in the caller's hands, where it asks for the next before it lets go of the last; one being read.
        taken = 2 * batch + 2 * max(files, self.group)
        most = (self.moving - taken) // max(1, batch + files)
        if most < 1:
            raise SpecError(
                f"Loader(memory=): of {format_bytes(self.total)}, {format_bytes(self.moving)} are for batches on their "
                f"way and the files that they are made of, but these take {format_bytes(taken + batch + files)}, of "
                f"which a batch is {format_bytes(batch)}; raise memory or lower batch_size"
            )
        return min(wanted, most)

    def __str__(self) -> str:
        cache = f", {format_bytes(self.cache)} for the cache" if self.cache else ""
        return (
            f"{format_bytes(self.total)}: {format_bytes(self.decoding)} to decode in, "
            f"{format_bytes(self.moving)} for files and batches on their way{cache}"
        )
