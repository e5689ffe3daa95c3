"""Memory that two processes share for batches: anonymous files, which are gone as soon as both processes are.

One process makes arrays in slots; the other one sees the same memory. What is sent through a connection is where in
which slot an array lies. A slot is used again when neither process has an array in it any more.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import struct
import tempfile
import threading
import weakref
from collections import Counter, deque
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Place: TypeAlias = tuple[int, int, int]
"""Slot, offset, length."""

# Arrays that are smaller travel in the message.
_SMALL = 1 << 16
_PAGE = 4096
_NUMBER = struct.Struct("<I")


class SlotWriter:
    """The side that makes arrays: what an engine takes the memory of its batches from.

    Args:
        connection: To the other side; a Unix socket.
        released: From the other side: the numbers of slots that it has let go of.
        reader: The other side's process.
    """

    def __init__(self, connection: Connection, released: Connection, reader: int) -> None:
        self._connection = connection
        self._released = released
        self._reader = reader
        os.set_blocking(released.fileno(), False)
        self._slots: list[mmap.mmap] = []
        self._starts: list[int] = []
        self._files: dict[int, int] = {}
        self._held: Counter[int] = Counter()
        self._dropped: deque[int] = deque()  # by finalizers, which may run anywhere
        self._lock = threading.Lock()

    def take(self, count: int, /) -> Bytes:
        """Memory for an array of some bytes."""
        with self._lock:
            self._collect()
            for slot, memory in enumerate(self._slots):
                if not self._held[slot] and count <= len(memory) <= 2 * count + _PAGE:
                    return self._lease(slot, count)
            return self._lease(self._add(count), count)

    def send(self, value: Any) -> None:
        """Send a value, whose arrays lie in slots or are small, or are copied into a slot."""
        places: list[Place] = []

        def travels(buffer: pickle.PickleBuffer) -> bool:
            """Whether an array is sent as it is, and not where it lies."""
            raw = buffer.raw()
            if raw.nbytes < _SMALL:
                return True
            places.append(self._place(np.frombuffer(raw, np.uint8)))
            return False

        data = pickle.dumps(value, protocol=5, buffer_callback=travels)
        with self._lock:
            new = list(self._files)
            self._connection.send((data, places, [(slot, len(self._slots[slot])) for slot in new]))
            for slot in new:
                file = self._files.pop(slot)
                send_handle(self._connection, file, self._reader)
                os.close(file)

    def _place(self, array: Bytes) -> Place:
        """Where an array lies, in a slot that is held from now on, until the other side lets go of it."""
        address = _address(array)
        for slot, start in enumerate(self._starts):
            if start <= address < start + len(self._slots[slot]):
                with self._lock:
                    self._held[slot] += 1
                return slot, address - start, len(array)
        copy = self.take(len(array))
        copy[:] = array
        return self._place(copy)

    def _collect(self) -> None:
        """Note what both sides have let go of."""
        while self._dropped:
            self._held[self._dropped.popleft()] -= 1
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._released.fileno(), 1024 * _NUMBER.size):
                self._held.subtract(slot for (slot,) in _NUMBER.iter_unpack(data))

    def _lease(self, slot: int, count: int) -> Bytes:
        # Made of a memoryview: what is made of this array keeps this array, and not what lies below it.
        array = np.frombuffer(memoryview(self._slots[slot])[:count], np.uint8)
        self._held[slot] += 1
        weakref.finalize(array, self._dropped.append, slot)
        return array

    def _add(self, count: int) -> int:
        size = max(1, -(-count // _PAGE)) * _PAGE
        slot, file = len(self._slots), _anonymous_file(size)
        memory = mmap.mmap(file, size)
        self._slots.append(memory)
        self._starts.append(_address(np.frombuffer(memory, np.uint8)))
        self._files[slot] = file
        return slot


class SlotReader:
    """The side that sees arrays.

    Args:
        connection: To the other side.
        released: To the other side, for the numbers of slots.
    """

    def __init__(self, connection: Connection, released: Connection) -> None:
        self._connection = connection
        self._released = released
        os.set_blocking(released.fileno(), False)
        self._slots: dict[int, mmap.mmap] = {}

    def receive(self) -> Any:
        """A value, whose large arrays are where the other side made them."""
        data, places, new = self._connection.recv()
        for slot, size in new:
            file = recv_handle(self._connection)
            self._slots[slot] = mmap.mmap(file, size)
            os.close(file)
        return pickle.loads(data, buffers=map(self._seen, places))

    def _seen(self, place: Place) -> memoryview:
        slot, offset, length = place
        array = np.frombuffer(memoryview(self._slots[slot])[offset : offset + length], np.uint8)
        weakref.finalize(array, _release, self._released, slot)
        return array.data


def _release(released: Connection, slot: int) -> None:
    # The other side is gone, or so far behind that it makes a slot more.
    with contextlib.suppress(OSError):
        os.write(released.fileno(), _NUMBER.pack(slot))


def _address(array: Bytes) -> int:
    return array.__array_interface__["data"][0]


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("imagefeed")
    else:
        with tempfile.TemporaryFile() as opened:
            file = os.dup(opened.fileno())
    os.ftruncate(file, size)
    return file
