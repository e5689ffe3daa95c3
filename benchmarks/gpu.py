"""Is the GPU kept fed? Training ResNet-50 in bfloat16 from photographs, in torch and in JAX.

    python benchmarks/gpu.py --out gpu.json [--photos FOLDER] [--batch 256] [--seconds 20] [--device gpu]

For each framework and each way of feeding it is measured, one after another:

- `resident`: steps on one batch that is on the GPU already: the roof.
- `loader`: the loader alone, its batches thrown away.
- `device` and `host`: steps fed by `loader.torch(device="cuda")` or `loader.jax()`, levels normalized on the device
  (8-bit over the bus) or on the host (float32 over the bus).

Of each: images a second; `waiting`, the share of the time that the training loop waited for its next batch; `copy_ms`,
what the copy of a batch takes by itself; `exposed_ms`, by how much a fed step is longer than a resident one; and
`overlap`, the share of the copy that is hidden behind the step.

Without a GPU, or without a framework, nothing is measured and the reason is printed. `--device cpu` walks the same way
on the processor, which a test does: its figures say nothing about a GPU.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import imagefeed as feed
from gpu_models import jax_resnet50, torch_resnet50

SIZE = 224
WARM = 8
"""Steps before the clock starts: compilation, and batches that were made while nothing trained."""


def photographs(folder: Path, count: int = 512) -> Path:
    """Synthetic photographs of about 500×375: smooth shapes, edges and grain, some 40 KB each."""
    rng = np.random.default_rng(0)
    for k in range(count):
        coarse = rng.integers(0, 256, (12, 16, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)).astype(np.float32)
        fine = rng.normal(0, 14, (188, 250, 3)).repeat(2, 0)[:375].repeat(2, 1)
        memory = io.BytesIO()
        Image.fromarray(np.clip(picture + fine, 0, 255).astype(np.uint8)).save(memory, "JPEG", quality=90)
        target = folder / f"class{k % 8}" / f"{k:04d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(memory.getvalue())
    return folder


def loader_of(folder: Path, batch: int, threads: int | None) -> feed.Loader:
    source = feed.folder(folder)
    pipeline = feed.Pipeline(
        [feed.RandomResizedCrop((SIZE, SIZE)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")]
    )
    return feed.Loader(
        source, pipeline, batch_size=batch, steps_per_epoch=10_000, prefetch=6, threads=threads or "auto"
    )


def timed(batches: Iterable[Any], step: Callable[[Any], None], finish: Callable[[], None], seconds: float) -> dict:
    """Steps for some seconds: their rate, and how long each waited for its batch."""
    source: Iterator[Any] = iter(batches)
    images, waits = 0, []
    for _ in range(WARM):
        step(next(source))
    finish()
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        asked = time.perf_counter()
        batch = next(source)
        waits.append(time.perf_counter() - asked)
        step(batch)
        images += len(batch[0])
    finish()
    whole = time.perf_counter() - begin
    return {
        "images_per_second": images / whole,
        "step_ms": 1000 * whole / len(waits),
        "waiting": sum(waits) / whole,
        "median_wait_ms": 1000 * statistics.median(waits),
    }


def with_overlap(fed: dict, resident: dict, copy_ms: float) -> dict:
    exposed = max(0.0, fed["step_ms"] - resident["step_ms"])
    return fed | {
        "copy_ms": copy_ms,
        "exposed_ms": exposed,
        "overlap": max(0.0, 1 - exposed / copy_ms),
        "of_resident": fed["images_per_second"] / resident["images_per_second"],
    }


def repeated(batch: Any) -> Iterator[Any]:
    while True:
        yield batch


def measure_torch(folder: Path, batch: int, seconds: float, threads: int | None, device: str) -> dict:
    import torch

    torch.backends.cudnn.benchmark = True
    on_gpu = device == "gpu"
    device = "cuda" if on_gpu else device
    model = torch_resnet50().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)

    def step(pair: Any) -> None:
        images, labels = pair
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_gpu:
            behind.append(torch.cuda.Event())
            behind[-1].record()
        if len(behind) > 2:  # a loop that reads its loss now and then is never far ahead of the GPU
            behind.pop(0).synchronize()

    behind: list[Any] = []

    def finish() -> None:
        if on_gpu:
            torch.cuda.synchronize()

    def copy_ms(dtype: Any) -> float:
        levels = torch.empty((batch, SIZE, SIZE, 3), dtype=dtype, pin_memory=on_gpu)
        times = []
        for _ in range(10):
            finish()
            begin = time.perf_counter()
            levels.to(device, non_blocking=True, copy=True)
            finish()
            times.append(1000 * (time.perf_counter() - begin))
        return statistics.median(times)

    loader = loader_of(folder, batch, threads)
    first = next(iter(loader.torch(device=device, normalize="device")))
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else device,
        "version": torch.__version__,
    }
    result["resident"] = timed(repeated(first), step, finish, seconds)
    for where, dtype in (("device", torch.uint8), ("host", torch.float32)):
        fed = timed(loader_of(folder, batch, threads).torch(device=device, normalize=where), step, finish, seconds)
        result[where] = with_overlap(fed, result["resident"], copy_ms(dtype))
    return result


def measure_jax(folder: Path, batch: int, seconds: float, threads: int | None, device: str) -> dict:
    import jax
    import jax.numpy as jnp

    parameters, apply = jax_resnet50()
    velocity = [jnp.asarray(np.zeros(one.shape, np.float32)) for one in parameters]

    def loss_of(parameters: Any, images: Any, labels: Any) -> Any:
        logits = jax.nn.log_softmax(apply(parameters, images))
        return -logits[jnp.arange(len(labels)), labels].mean()

    @jax.jit
    def update(state: Any, images: Any, labels: Any) -> Any:
        parameters, velocity = state
        slopes = jax.grad(loss_of)(parameters, images, labels)
        velocity = [0.9 * v + g for v, g in zip(velocity, slopes, strict=True)]
        return [p - 0.01 * v for p, v in zip(parameters, velocity, strict=True)], velocity

    held = [(parameters, velocity)]
    behind: list[Any] = []

    def step(pair: Any) -> None:
        held[0] = update(held[0], *pair)
        behind.append(held[0][0][0])
        if len(behind) > 2:
            behind.pop(0).block_until_ready()

    def copy_ms(dtype: Any) -> float:
        array = np.zeros((batch, SIZE, SIZE, 3), dtype)
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            jax.device_put(array).block_until_ready()
            times.append(1000 * (time.perf_counter() - begin))
        return statistics.median(times)

    def finish() -> None:
        jax.block_until_ready(held[0])

    first = next(iter(loader_of(folder, batch, threads).jax(normalize="device")))
    result: dict[str, Any] = {"device": jax.devices()[0].device_kind, "version": jax.__version__}
    result["resident"] = timed(repeated(first), step, finish, seconds)
    for where, dtype in (("device", np.uint8), ("host", np.float32)):
        fed = timed(loader_of(folder, batch, threads).jax(normalize=where), step, finish, seconds)
        result[where] = with_overlap(fed, result["resident"], copy_ms(dtype))
    return result


def reason_not_to(framework: str, device: str) -> str:
    """Why a framework cannot be measured here; empty if it can."""
    try:
        if framework == "torch":
            import torch

            return "" if device == "cpu" or torch.cuda.is_available() else "torch sees no GPU"
        import jax

        return "" if jax.default_backend() == device else f"JAX sees no {device.upper()}"
    except ImportError as error:
        return f"{error.name} is not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--photos", type=Path, help="a folder of classes; by default photographs are made up")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--threads", type=int, help="of the loader; by default one for each core")
    parser.add_argument("--only", choices=["torch", "jax"])
    options = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # both frameworks use the GPU in one process
    result: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.processor(),
        "batch": options.batch,
    }
    with tempfile.TemporaryDirectory() as scratch:
        reasons = {
            name: reason_not_to(name, options.device) for name in ("torch", "jax") if options.only in (None, name)
        }
        if not all(reasons.values()):
            folder = options.photos or photographs(Path(scratch))
            alone = timed(
                loader_of(folder, options.batch, options.threads), lambda _: None, lambda: None, options.seconds
            )
            result["loader"] = {"images_per_second": alone["images_per_second"]}
        for name, measure in (("torch", measure_torch), ("jax", measure_jax)):
            if name not in reasons:
                continue
            if reasons[name]:
                result[name] = {"skipped": reasons[name]}
            else:
                result[name] = measure(folder, options.batch, options.seconds, options.threads, options.device)
            print(name, json.dumps(result[name], indent=2), flush=True)
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
