"""What is drawn once for a whole batch: the same for all its pictures, and still a matter of its key alone."""

import numpy as np
import pytest

import imagefeed as feed

SIZE = (20, 30)
CROP = feed.RandomCrop((6, 8), per="batch")


def places(count: int = 24) -> feed.Source:
    """Pictures whose red is the row and whose green is the column of each pixel; the blue is the picture's number."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    images = [np.stack([y, x, np.full_like(x, k)], axis=-1) for k in range(count)]
    return feed.arrays(np.stack(images).astype(np.uint8), {"mask": feed.Mask(np.stack([x] * count).astype(np.uint8))})


def corners(images: np.ndarray) -> list[tuple[int, int]]:
    """Where each crop of such pictures begins."""
    return [tuple(image[0, 0, :2].tolist()) for image in images]


def loader(**options) -> feed.Loader:
    return feed.Loader(places(), feed.Pipeline([CROP]), **({"batch_size": 4, "seed": 3} | options))


def test_a_batch_shares_one_place_and_another_batch_has_another() -> None:
    batches = list(loader())
    of_each = [corners(images) for images, _ in batches]
    assert all(len(set(found)) == 1 for found in of_each)
    assert len({found[0] for found in of_each}) > 3
    for images, targets in batches:
        np.testing.assert_array_equal(targets["mask"], images[..., 1])
    assert len(set(corners(next(iter(feed.Loader(places(), feed.Pipeline([feed.RandomCrop((6, 8))]), seed=3)))[0]))) > 9


def test_every_place_is_as_likely() -> None:
    found = [place for epoch in range(120) for place in corners([b.images[0] for b in loader().batches(epoch)])]
    rows = np.bincount([y for y, _ in found], minlength=15)
    assert len(rows) == 15
    assert abs(rows / rows.mean() - 1).max() < 0.6


@pytest.mark.parametrize("options", [{"threads": 1}, {"prefetch": 1}])
def test_it_depends_on_nothing_but_the_batch(options) -> None:
    whole = [images for images, _ in loader()]
    for again, expected in zip(loader(**options), whole, strict=True):
        np.testing.assert_array_equal(again[0], expected)


def test_shards_and_later_starts_share_it() -> None:
    whole = [batch.images for batch in loader().batches(2)]
    shards = [[batch.images for batch in loader().shard(rank, 2).batches(2)] for rank in range(2)]
    for expected, *parts in zip(whole, *shards, strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    later = [batch.images for batch in loader().batches(2, start=3)]
    np.testing.assert_array_equal(np.stack(later), np.stack(whole[3:]))


def test_a_replay_and_an_explanation_know_the_batch() -> None:
    for batch in loader().batches(1):
        for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
            np.testing.assert_array_equal(loader().replay(1, index)[0], image)
    for batch in loader(steps_per_epoch=9).batches(1):  # records come twice, each time in another batch
        for image, key in zip(batch.images, batch.keys.tolist(), strict=True):
            copy, index = divmod(key, 24)
            np.testing.assert_array_equal(loader(steps_per_epoch=9).replay(1, index, copy=copy)[0], image)
    drawn = {loader().explain(index).splitlines()[2] for index in next(loader().batches(0)).indices.tolist()}
    assert len(drawn) == 1


def test_what_is_mixed_in_and_what_wraps_it_share_it() -> None:
    steps = [CROP, feed.Mosaic((12, 16), center=(0.5, 0.5))]
    for images, _ in feed.Loader(places(), feed.Pipeline(steps), batch_size=4, seed=1):
        parts = [images[:, y : y + 6, x : x + 8] for y in (0, 6) for x in (0, 8)]
        assert len({place for part in parts for place in corners(part)}) == 1
    either = feed.OneOf((CROP, feed.CenterCrop((6, 8))))
    images, _ = next(iter(feed.Loader(places(), feed.Pipeline([either]), batch_size=24, seed=1)))
    assert len(set(corners(images))) == 2


def test_in_a_model_a_call_is_a_batch() -> None:
    from imagefeed.inmodel import InModel

    form = InModel(feed.Pipeline([CROP]))
    images = np.stack([np.moveaxis(np.mgrid[: SIZE[0], : SIZE[1], :1][..., 0], 0, -1)] * 5).astype(np.uint8)
    numbers = np.random.default_rng(0).random((5, form.count))
    assert len(set(corners(form(images, numbers, np)))) == 1


def test_what_cannot_be_says_so() -> None:
    with pytest.raises(feed.SpecError, match=r"RandomCrop\.per: got 'epoch'; expected one of 'sample', 'batch'"):
        feed.RandomCrop((2, 2), per="epoch")
    with pytest.raises(feed.SpecError, match=r"Uniform\.per"):
        feed.Uniform(0, 1, per="epoch")
