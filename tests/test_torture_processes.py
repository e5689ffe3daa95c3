"""Promises about ends: killed workers, a killed main process, Ctrl-C, memory. `scripts/torture` runs more of each."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Loader, Pipeline, WorkerError
from imagefeed.slots import SlotReader, SlotWriter

LONG = "IMAGEFEED_TORTURE" in os.environ
LINUX = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
PIPELINE = Pipeline([feed.RandomResizedCrop((64, 64)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])


def slowly(image: np.ndarray) -> np.ndarray:
    time.sleep(0.2)
    return image


@pytest.fixture(scope="module")
def photographs(data) -> feed.Source:
    source = feed.folder(data("cats_dogs/validation"))
    return source.split(validation=40 / len(source), seed=0)[1]


def start(code: str, data: Path, **environment: str) -> subprocess.Popen[str]:
    """Run a program, whose first line of output is awaited."""
    head = f"""
    import os, signal, sys, time, threading
    import imagefeed as feed
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs have it ignored
    source = feed.folder({str(data)!r})
    pipeline = feed.Pipeline([feed.RandomResizedCrop((64, 64)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        start_new_session=True,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(one) for one in found.split()]


def test_what_cannot_be_sent_to_a_process_is_said_so() -> None:
    source, pipeline = feed.arrays(np.zeros((2, 4, 4, 3), np.uint8)), Pipeline([feed.Apply(lambda image: image)])
    with pytest.raises(feed.SpecError, match=r"the loader's process: cannot be sent .*lambda.*; define functions and"):
        next(iter(Loader(source, pipeline, isolate=True)))


def test_large_arrays_of_one_message_do_not_share_a_slot() -> None:
    ours, theirs = Pipe()
    released, let_go = Pipe(duplex=False)
    writer, reader = SlotWriter(ours, released, os.getpid()), SlotReader(theirs, let_go)
    arrays = [np.full(100_000, k, np.uint8) for k in range(3)]
    for _ in range(2):  # the second time in the slots that the first one let go of
        writer.send(arrays)
        received = reader.receive()
        assert [set(one.tolist()) for one in received] == [{0}, {1}, {2}]
        del received
    assert len(reader._slots) == 3
    for one in (ours, theirs, released, let_go):
        one.close()


@LINUX
def test_promise_workerkill(photographs) -> None:
    """A killed process gives a named error within 5 seconds; then the loader can be used again."""
    loader = Loader(photographs, PIPELINE, batch_size=4, isolate=True)
    batches = iter(loader)
    next(batches)
    os.kill(loader._isolated.pid, signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(WorkerError, match=r"the loader's process \(\d+\) was killed by SIGKILL; is memory short"):
        list(batches)
    assert time.monotonic() - begin < 5
    assert sum(len(images) for images, _ in loader) == 40

    calling = Loader(photographs, Pipeline([feed.Resize((9, 9)), feed.Apply(slowly)]), batch_size=20, processes=2)
    batches = iter(calling)
    next(batches)
    worker = next(worker for worker in iter(calling._engine._end._functions._free.get, 0) if worker is not None)
    calling._engine._end._functions._free.put(worker)
    os.kill(worker.pid, signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(WorkerError, match=r"a process for Python functions \(\d+\) was killed by SIGKILL"):
        list(batches)
    assert time.monotonic() - begin < 5


@LINUX
def test_promise_mainkill(data) -> None:
    """After SIGKILL of the main process no child and no shared memory is left after 5 seconds."""
    for _ in range(5 if LONG else 1):
        before = set(os.listdir("/dev/shm"))
        process = start(
            """
            if __name__ == "__main__":
                loader = feed.Loader(source, pipeline, batch_size=8, isolate=True, repeat=True)
                for number, _ in enumerate(loader):
                    if number == 3:
                        print("ready", flush=True)
            """,
            data("cats_dogs/validation"),
        )
        assert process.stdout.readline() == "ready\n"
        born = children(process.pid)
        assert born
        process.kill()
        process.wait()
        end = time.monotonic() + 5
        while any(map(alive, born)) and time.monotonic() < end:
            time.sleep(0.05)
        assert [pid for pid in born if alive(pid)] == []
        assert set(os.listdir("/dev/shm")) <= before
        process.stdout.close()
        process.stderr.close()


@LINUX
@pytest.mark.parametrize("options", ["", "isolate=True"])
def test_promise_sigint(data, options) -> None:
    """Out within 2 seconds of Ctrl-C, with a KeyboardInterrupt and no child left."""
    process = start(
        f"""
        if __name__ == "__main__":
            loader = feed.Loader(source, pipeline, batch_size=8, repeat=True, {options})
            for number, _ in enumerate(loader):
                if number == 3:
                    print("ready", flush=True)
        """,
        data("cats_dogs/validation"),
    )
    assert process.stdout.readline() == "ready\n"
    born = children(process.pid)
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begin < 2
    assert errors.rstrip().endswith("KeyboardInterrupt")
    end = time.monotonic() + 2
    while any(map(alive, born)) and time.monotonic() < end:
        time.sleep(0.05)
    assert [pid for pid in born if alive(pid)] == []


@LINUX
def test_promise_threads(photographs) -> None:
    """Works where the parent has started threads, which hold locks."""
    lock, stop = threading.Lock(), threading.Event()

    def hold() -> None:
        while not stop.is_set():
            with lock:
                time.sleep(0.001)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        loader = Loader(photographs, PIPELINE, batch_size=16, isolate=True)
        assert sum(len(images) for images, _ in loader) == 40
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@LINUX
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer keeps memory")
@pytest.mark.parametrize("options", [{}, {"cache": "ram"}, {"isolate": True}], ids=repr)
def test_promise_memory(photographs, options) -> None:
    """200 epochs and 1,000 early breaks: resident memory within 2 MiB, descriptors and threads as at the start."""
    source = photographs.split(validation=12 / 40, seed=0)[1]
    loader = Loader(source, PIPELINE, batch_size=4, threads=2, **options)
    epochs, breaks = (200, 1000) if LONG else (30, 60)

    def work(epochs: int, breaks: int) -> None:
        for _ in range(epochs):
            for _ in loader:
                pass
        for _ in range(breaks):
            next(iter(loader))

    work(20, 40)
    gc.collect()
    before = resident(), descriptors(), threading.active_count()
    work(epochs, breaks)
    gc.collect()
    after = resident(), descriptors(), threading.active_count()
    assert after[1:] == before[1:]
    assert after[0] - before[0] < 2 << 20


@LINUX
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer needs address space")
def test_promise_memory_bomb(data, tmp_path) -> None:
    """A picture that would need gigabytes is refused before anything is allocated."""
    file = next(iter(sorted(data("cats_dogs/validation/cats").glob("*.jpg"))))
    bomb = bytearray(file.read_bytes())
    place = bomb.index(b"\xff\xc0")
    bomb[place + 5 : place + 9] = (60000).to_bytes(2, "big") * 2
    (tmp_path / "bomb.jpg").write_bytes(bomb)
    process = start(
        f"""
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
        bombs = feed.folder({str(tmp_path)!r}, labels=None)
        try:
            list(feed.Loader(bombs, pipeline, threads=1))
        except feed.DecodeError as error:
            print(error.reason)
        """,
        data("cats_dogs/validation"),
        OPENBLAS_NUM_THREADS="1",
    )
    output, errors = process.communicate(timeout=60)
    assert "60000x60000 is 3600000000 pixels, over the limit" in output, errors


@LINUX
def test_promise_ends(data) -> None:
    """The interpreter ends in the middle of everything, soon and in silence; dropped loaders leave nothing."""
    process = start(
        """
        if __name__ == "__main__":
            kept = []
            for options in ({}, {"isolate": True}):
                loader = feed.Loader(source, pipeline, batch_size=8, repeat=True, **options)
                batches = iter(loader)
                kept.append((loader, batches, next(batches)))
            print("ready", flush=True)
        """,
        data("cats_dogs/validation"),
    )
    begin = time.monotonic()
    output, errors = process.communicate(timeout=60)
    assert (output, errors, process.returncode) == ("ready\n", "", 0)
    assert time.monotonic() - begin < 30
