"""Measure, keep and render a data set on all machines of a Ray cluster.

python examples/scale_ray.py PHOTOS OUT    # OUT is a folder that all machines see
"""

import sys
from pathlib import Path

import imagefeed as feed
from imagefeed.adapters import ray as feed_ray

source, out = feed.folder(sys.argv[1]), Path(sys.argv[2])
steps = [feed.Resize((64, 64)), feed.RandomCrop((56, 56)), feed.HorizontalFlip()]

statistics = feed_ray.fit_statistics(source, feed.Pipeline(steps))
pipeline = feed.Pipeline([*steps, feed.Normalize(statistics)])
print(statistics.count, "pictures measured")

manifest = feed_ray.build_cache(source, pipeline, out / "cache")
kept = feed.shards(manifest.files, classes=manifest.classes)
print(manifest.samples, "pictures kept in", len(manifest.shards), "files")

more = feed_ray.materialize(source, feed.Pipeline(steps), out / "more", copies=2)
more.verify()  # compares the digest of every file
print(more.samples, "draws written")

# Training reads what was kept, by the steps that are left.
rest = feed.Pipeline(pipeline.steps[manifest.done :])
for batch in feed_ray.dataset(kept, rest, batch_size=8, epochs=2).iter_batches(batch_size=8):
    print(batch["image"].shape, batch["target"].shape)
