"""What an engine asks of its cache: which pictures of a group are there, and to keep those that were not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.cache import HEADER, Bytes, Cache, FolderStore, Kind, Store, open_store, sealed
from imagefeed.cache_point import CachePoint, cache_point
from imagefeed.checks import fail
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline
from imagefeed.plan import plan
from imagefeed.sources import Source

Ints = NDArray[np.int64]

# Pictures by which the size of a whole cache is estimated.
_SAMPLED = 32
# Columns that are decoded together, and how many restart markers a row of those has: what is beside a crop can be leapt
# over from one to the next.
_MCU = 16
_LEAPS = 5
# Of JPEG to raw levels, roughly, for photographs.
_JPEG_SHARE = 0.15


@dataclass(slots=True)
class Found:
    """What a cache has of a group.

    Attributes:
        keys: Of every record; empty for one that cannot be known again.
        sizes: int64 (n, 2), of the pictures that the kept ones were made from; 0 where there is none.
        missing: The rows that have to be made.
        lease: Held while kept pictures are used.
    """

    keys: list[bytes]
    sizes: Ints
    missing: Ints
    lease: object = field(repr=False)


class Keeper:
    """A cache, as one engine uses it."""

    def __init__(
        self,
        source: Source,
        cache: Cache,
        point: CachePoint,
        sample: Callable[[Ints], Ints],
        store: Store,
    ) -> None:
        if source.color == "gray16":
            raise SpecError("Cache: keeps levels of 8 bits, but color='gray16' asks for 16; leave one of them out")
        if source.color == "rgba" and cache.store == "jpeg":
            raise fail("Cache.store", cache.store, "a JPEG has no opacity, which color='rgba' asks for; use 'raw'")
        self.point = point
        self.hits = 0
        self.misses = 0
        self.damaged = 0
        self._counted = 0
        self._to_replace: set[bytes] = set()
        self._source = source
        self._cache = cache
        self.store = store
        self.kind: Kind = self._decide(sample)
        self._digest = point.digest(cache, self.kind, source.color)

    @property
    def words(self) -> str:
        """What is kept, for people."""
        form = f"JPEG of quality {self._cache.quality}" if self.kind == "jpeg" else "raw levels"
        where = "in memory" if self._cache.in_ram else f"in {self._cache.path}"
        return f"kept {where}, {self.point.words}, as {form}"

    def find(self, records: _native.Records, indices: Ints) -> Found:
        """Let `records` show what the cache has of some records."""
        content = self._cache.identity == "content"
        known = self._source.identities(indices, content=content)
        keys = [hashlib.blake2b(self._digest + one, digest_size=16).digest() if one else b"" for one in known]
        values, lease = self.store.look_up(keys)
        sizes, damaged = records.set_sealed(values, self.store.checked)
        for row in damaged:
            self.note_damaged(keys[row])
        missing = np.flatnonzero(sizes[:, 0] == 0)
        self.hits += len(keys) - len(missing)
        self.misses += len(missing)
        return Found(keys, sizes, missing, lease)

    def grows(self) -> bool:
        """Whether it holds more than when this was asked last."""
        before, self._counted = self._counted, len(self.store)
        return self._counted > before

    def seal(self, value: Bytes, size: tuple[int, int, int], source: tuple[int, int]) -> Bytes:
        """A value, whose levels stand from HEADER on, in the form that is kept."""
        if self.kind == "raw":
            return sealed("raw", size, source, value)
        interval = max(1, -(-size[1] // _MCU) // _LEAPS)
        data = _native.encode_jpeg(value[HEADER:].reshape(size), self._cache.quality, interval)
        return sealed("jpeg", size, source, np.frombuffer(bytearray(HEADER) + data, np.uint8))

    def note_damaged(self, key: bytes) -> None:
        """What the cache has under a key is damaged: what is made now takes its place."""
        self.damaged += 1
        self._to_replace.add(key)

    def keep(self, key: bytes, value: Bytes) -> None:
        """Keep a value, in place of a damaged one if there is one."""
        if key in self._to_replace and isinstance(self.store, FolderStore):
            self.store.replace(key, value)
            self._to_replace.discard(key)
        elif key:
            self.store.put(key, value)

    def estimate(self, sample: Callable[[Ints], Ints]) -> int:
        """About how many bytes all records would take as raw levels, by the sizes of some of them."""
        indices = np.unique(np.linspace(0, len(self._source) - 1, _SAMPLED).astype(np.int64))
        sizes = sample(indices)
        good = (sizes > 0).all(axis=1)
        if not good.any():
            return 0
        made = plan(self.point.before, sizes[good], indices[good], seed=0, epoch=0).sizes
        return int((made.prod(axis=1) * self._source.channels + HEADER).mean() * len(self._source))

    def expected(self, sample: Callable[[Ints], Ints]) -> int:
        """About how many bytes all records would take as they are kept."""
        return int(self.estimate(sample) * (_JPEG_SHARE if self.kind == "jpeg" else 1))

    def _decide(self, sample: Callable[[Ints], Ints]) -> Kind:
        if self._cache.store != "auto":
            return self._cache.store
        if self._cache.in_ram or self._source.color == "rgba":
            return "raw"
        if self.store.kind is None:
            self.store.set_kind("raw" if self.estimate(sample) <= self._cache.bytes else "jpeg")
        return self.store.kind or "raw"


def opened(source: Source, pipeline: Pipeline, cache: Cache, sample: Callable[[Ints], Ints], memory: int) -> Keeper:
    """The cache that is described, ready to be used for a pipeline.

    Args:
        source: Where the pictures come from.
        pipeline: What is done to them; the cache stands somewhere in it.
        cache: What is described.
        sample: Gives the sizes of some records' pictures.
        memory: How many bytes it may take if it is in memory.

    Raises:
        CacheError: The folder cannot be used.
    """
    return Keeper(source, cache, cache_point(pipeline, cache), sample, open_store(cache, memory))
