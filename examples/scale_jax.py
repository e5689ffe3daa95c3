"""Train with plain jax.distributed: `loader.jax()` gives every process its part, as a part of global arrays.

JAX_COORDINATOR=host:1234 JAX_PROCESSES=2 JAX_PROCESS=0 python examples/scale_jax.py PHOTOS    # 1 on the other
"""

import os
import sys

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import imagefeed as feed

jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(
    os.environ["JAX_COORDINATOR"], int(os.environ["JAX_PROCESSES"]), int(os.environ["JAX_PROCESS"])
)
mesh = Mesh(jax.devices(), ("batch",))
sharding = NamedSharding(mesh, PartitionSpec("batch"))

source = feed.folder(sys.argv[1])
pipeline = feed.Pipeline([feed.RandomResizedCrop((32, 32)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
loader = feed.Loader(source, pipeline, batch_size=8, seed=1, drop_last=True)  # 8 over all processes


@jax.jit
def step(weights: jax.Array, images: jax.Array, labels: jax.Array) -> jax.Array:
    def loss(weights: jax.Array) -> jax.Array:
        scores = jax.nn.log_softmax(images.mean(axis=(1, 2)) @ weights)
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    return weights - 0.1 * jax.grad(loss)(weights)


weights = jnp.zeros((3, 2))
for epoch in range(2):
    records = 0
    for images, labels in loader.jax(sharding=sharding):
        weights = step(weights, images, labels)
        records += len(images)
    print(
        f"process {jax.process_index()} of {jax.process_count()}, epoch {epoch}: {records} pictures in all", flush=True
    )
