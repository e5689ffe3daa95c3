"""Train with plain torch.distributed: every process has its part of every batch.

torchrun --nproc-per-node 2 examples/scale_torch.py PHOTOS
"""

import sys

import torch
import torch.distributed as dist

import imagefeed as feed

dist.init_process_group("gloo")  # "nccl" on GPUs
rank, world = dist.get_rank(), dist.get_world_size()

source = feed.folder(sys.argv[1])
pipeline = feed.Pipeline([feed.RandomResizedCrop((32, 32)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
loader = feed.Loader(source, pipeline, batch_size=8, seed=1).shard(rank, world)  # 8 over all processes

model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 2))
model = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for epoch in range(2):
    records = 0
    for images, labels in loader.torch():
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        records += len(images)
    print(f"process {rank} of {world}, epoch {epoch}: {records} pictures", flush=True)
dist.destroy_process_group()
