"""A transform of one's own: what it draws, and what follows from it.

    python examples/own_transform.py photos

It is planned, fused and run natively like every other: nothing here touches a pixel.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import imagefeed as feed
from imagefeed.ops import Extent, Op
from imagefeed.transforms import Drawn


@dataclass(frozen=True)
class Dusk(feed.Transform):
    """Darken some pictures, and take their color along: a photograph after sunset.

    Attributes:
        darkness: How dark it gets, from 0 (as it is) to 1 (black).
    """

    darkness: tuple[float, float] = (0.0, 0.6)

    def variables(self) -> Mapping[str, feed.Variable]:
        return {"darkness": feed.Uniform(*self.darkness)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Any) -> tuple[Op, ...]:
        light = 1.0 - drawn.darkness
        brightness = feed.Brightness(factor=(0.0, 1.0)).lower(Drawn(factor=light), extent, xp)
        return brightness + feed.Saturation(factor=(0.0, 1.0)).lower(Drawn(factor=light), extent, xp)


pipeline = feed.Pipeline([feed.Resize((128, 128)), Dusk(), feed.HorizontalFlip()])
loader = feed.Loader(feed.folder(sys.argv[1]), pipeline, batch_size=4, seed=1)
for images, labels in loader:
    print(images.shape, images.dtype, "mean level", images.mean().round(1), "labels", labels)
print(loader.explain(0))
