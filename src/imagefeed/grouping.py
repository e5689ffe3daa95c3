"""Which batches are fetched and planned together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from imagefeed.feeds.batches import ahead
from imagefeed.order import Portion
from imagefeed.sources import Source

# A group has at most so many times as many batches as the one before: whoever waits for the first batches does not wait
# for all that is planned with them.
_GROWTH = 4
# How many batches a source that fetches its records from afar knows of before they are needed.
_TOLD_AHEAD = 8


def grouped(portions: Iterator[Portion], most: Callable[[], int]) -> Iterator[list[Portion]]:
    """Batches in lists, one list for each group; all of a group are of one epoch.

    Args:
        portions: The records of each batch.
        most: How many records are best planned together; asked again for every group. One batch is one group at least.
    """
    count, group, records = 1, list[Portion](), 0
    for portion in portions:
        if group and (
            len(group) == count or portion.epoch != group[0].epoch or records + len(portion.records) > most()
        ):
            yield group
            count, group, records = min(_GROWTH * count, _GROWTH * len(group)), [], 0
        group.append(portion)
        records += len(portion.records)
    if group:
        yield group


def told(portions: Iterator[Portion], source: Source) -> Iterator[Portion]:
    """The records of each batch; the source is told of them some batches before they are taken."""

    def tell() -> Iterator[Portion]:
        for portion in portions:
            source.read_ahead(portion.records)
            yield portion

    return ahead(tell(), _TOLD_AHEAD)
