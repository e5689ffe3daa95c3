"""ResNet-50 (He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015), for torch and for JAX.

Only what a training step's time depends on: the layers and their sizes. Strides are in the 3×3 convolutions.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""The width and the number of blocks of each stage; a block widens fourfold."""


def torch_resnet50(classes: int = 1000) -> Any:
    """A torch module of (n, 3, h, w) -> (n, classes)."""
    torch = import_module("torch")
    nn = torch.nn

    def joined(before: int, after: int, size: int, stride: int = 1) -> list[Any]:
        return [nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)]

    class Block(nn.Module):
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            relu, after = nn.ReLU(inplace=True), 4 * width
            self.body = nn.Sequential(
                *joined(before, width, 1), relu, *joined(width, width, 3, stride), relu, *joined(width, after, 1)
            )
            same = before == after and stride == 1
            self.beside = nn.Identity() if same else nn.Sequential(*joined(before, after, 1, stride))
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.beside(x))

    layers = [*joined(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for stage, (width, count) in enumerate(STAGES):
        for block in range(count):
            layers.append(Block(before, width, 2 if stage > 0 and block == 0 else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def jax_resnet50(classes: int = 1000) -> tuple[Any, Any]:
    """Parameters (a list of arrays) and a function of (parameters, images (n, h, w, 3)) -> (n, classes), in bfloat16.

    Batches are normalized by their own mean and variance, as in training; running averages are not kept.
    """
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    rng = np.random.default_rng(0)  # JAX's own numbers would be compiled for every shape

    def start(shape: tuple[int, ...]) -> Any:
        if len(shape) == 1:
            return jnp.asarray(np.ones(shape, np.float32))
        drawn = rng.normal(0, (2 / math.prod(shape[:-1])) ** 0.5, shape)
        return jnp.asarray(drawn.astype(np.float32))

    parameters = [start(shape) for shape in _jax_shapes(classes)]

    def apply(parameters: Any, images: Any) -> Any:
        left = iter([one.astype(jnp.bfloat16) for one in parameters])

        def layer(x: Any, stride: int = 1) -> Any:
            kernel, scale, bias = next(left), next(left), next(left)
            x = jax.lax.conv_general_dilated(
                x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            mean = x.astype(jnp.float32).mean((0, 1, 2))
            spread = jax.lax.rsqrt(x.astype(jnp.float32).var((0, 1, 2)) + 1e-5)
            return ((x - mean) * spread).astype(jnp.bfloat16) * scale + (bias - 1)

        x = jax.nn.relu(layer(images.astype(jnp.bfloat16), 2))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
        for stage, (_, count) in enumerate(STAGES):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                inner = layer(jax.nn.relu(layer(jax.nn.relu(layer(x)), stride)))
                x = jax.nn.relu(inner + (layer(x, stride) if block == 0 else x))
        return x.mean((1, 2)).astype(jnp.float32) @ next(left).astype(jnp.float32)

    return parameters, apply


def _jax_shapes(classes: int) -> list[tuple[int, ...]]:
    """The shapes of the parameters, in the order in which they are used: kernel, scale and bias of each layer."""
    shapes: list[tuple[int, ...]] = []

    def add(size: int, before: int, after: int) -> None:
        shapes.extend([(size, size, before, after), (after,), (after,)])

    add(7, 3, 64)
    before = 64
    for width, count in STAGES:
        for block in range(count):
            add(1, before, width)
            add(3, width, width)
            add(1, width, 4 * width)
            if block == 0:
                add(1, before, 4 * width)
            before = 4 * width
    return [*shapes, (before, classes)]
