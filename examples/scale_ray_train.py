"""Train with Ray Train: machines render, workers train, and Ray brings them together.

python examples/scale_ray_train.py PHOTOS
"""

import sys

import ray
import torch
from ray.train import ScalingConfig, get_context, get_dataset_shard
from ray.train.torch import TorchTrainer, prepare_model

import imagefeed as feed
from imagefeed.adapters import ray as feed_ray


def train() -> None:
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 2))
    model = prepare_model(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    records = 0
    for batch in get_dataset_shard("train").iter_torch_batches(batch_size=4):  # all epochs, one after another
        images = batch["image"].permute(0, 3, 1, 2) / 255  # bytes travel, and become floats here
        loss = torch.nn.functional.cross_entropy(model(images), batch["target"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        records += len(images)
    print(f"worker {get_context().get_world_rank()}: {records} pictures", flush=True)


if __name__ == "__main__":
    ray.init(num_cpus=4)  # on a cluster: ray.init("auto")
    pipeline = feed.Pipeline([feed.RandomResizedCrop((32, 32)), feed.HorizontalFlip()])
    # A core for each worker, and those that are left for rendering.
    rendered = feed_ray.dataset(feed.folder(sys.argv[1]), pipeline, batch_size=8, epochs=2, actors=1, cpus=2)
    trainer = TorchTrainer(train, scaling_config=ScalingConfig(num_workers=2), datasets={"train": rendered})
    print(trainer.fit().error)
