"""One picture from several records: MixUp, CutMix, Mosaic, CopyPaste, with all that goes with them."""

import numpy as np
import pytest
from scipy import stats

import imagefeed as feed
from imagefeed import rng
from imagefeed.order import draw_keys
from imagefeed.plan import _draw

SEED = 5


def colored(count: int = 12, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    """Pictures of one level each, ten times their number."""
    return np.repeat((np.arange(count) * 10).astype(np.uint8), size[0] * size[1] * 3).reshape(count, *size, 3)


def everything(count: int = 12) -> dict:
    return {
        "label": feed.Label(np.arange(count), classes=count),
        "several": feed.MultiLabel(np.eye(count)),
        "mask": feed.Mask(np.repeat(np.arange(count, dtype=np.uint8), 24 * 32).reshape(count, 24, 32)),
        "boxes": feed.Boxes([[[4, 4, 28, 20]]] * count, labels=[[k] for k in range(count)], min_visible=0.01),
    }


def one_batch(step, targets=None, *, count=12, epoch=0, batch_size=None, images=None, **options):
    source = feed.arrays(colored(count) if images is None else images, targets)
    steps = step if isinstance(step, list) else [step]
    loader = feed.Loader(
        source, feed.Pipeline(steps), batch_size=batch_size or count, shuffle=False, seed=SEED, **options
    )
    return list(loader.batches(epoch))


def partner(count: int, step: int = 0, epoch: int = 0) -> np.ndarray:
    """The records that are drawn to be mixed in, by NumPy's own Philox."""
    numbers = rng.uniform(SEED, epoch, np.array([step]), np.array([1]), np.arange(count))
    return np.floor(numbers[:, 0] * count).astype(int)


def test_mixup_blends_pictures_and_labels_alike() -> None:
    targets = everything()
    del targets["mask"]
    (batch,) = one_batch(feed.MixUp(alpha=1.0), targets)
    other = partner(12)
    share = batch.targets["label"]
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-6)
    own = np.where(other == np.arange(12), 0.5, share[np.arange(12), np.arange(12)])
    expected = 10 * (np.arange(12) * own + other * (1 - own))
    np.testing.assert_allclose(batch.images[:, 0, 0, 0], expected, atol=0.51)
    np.testing.assert_array_equal(batch.targets["several"], share)
    assert batch.targets["boxes"]["count"].tolist() == [2] * 12
    assert batch.targets["boxes"]["labels"].tolist() == [[k, other[k]] for k in range(12)]


def test_a_soft_mask_is_blended_and_an_index_mask_is_not() -> None:
    levels = np.zeros((2, 4, 4), np.uint8)
    levels[1] = 200
    images = np.zeros((2, 4, 4, 3), np.uint8)
    (batch,) = one_batch(
        feed.MixUp(alpha=1.0), {"m": feed.Mask(levels, kind="soft"), "v": np.eye(2)}, count=2, images=images
    )
    np.testing.assert_allclose(batch.targets["m"][:, 0, 0, 0], batch.targets["v"][:, 1] * 200 / 255, atol=0.5 / 255)
    with pytest.raises(feed.SpecError, match="a Mask of kind 'index' cannot be blended"):
        one_batch(feed.MixUp(), feed.Mask(levels), count=2, images=images)


def test_cutmix_cuts_everything_at_the_same_place() -> None:
    (batch,) = one_batch(feed.CutMix(), everything())
    got = batch.targets
    np.testing.assert_array_equal(got["mask"] * 10, batch.images[..., 0])
    other = partner(12)
    for k in range(12):
        areas = np.bincount(got["mask"][k].ravel(), minlength=12) / (24 * 32)
        np.testing.assert_allclose(got["label"][k], areas, atol=1e-6)
        own = np.flatnonzero(got["boxes"]["labels"][k] == k)
        assert set(got["boxes"]["labels"][k][: got["boxes"]["count"][k]]) <= {k, other[k]}
        visible = (got["mask"][k, 4:20, 4:28] == k).mean()
        assert (visible >= 0.01) == bool(len(own)) or other[k] == k
        for number in range(got["boxes"]["count"][k]):
            if got["boxes"]["labels"][k, number] == other[k] != k:
                x0, y0, x1, y1 = got["boxes"]["boxes"][k, number].astype(int)
                assert (got["mask"][k, y0:y1, x0:x1] == other[k]).all()


def test_mosaic_puts_four_pictures_around_a_point() -> None:
    (batch,) = one_batch(feed.Mosaic((40, 60)), everything())
    got = batch.targets
    assert batch.images.shape == (12, 40, 60, 3)
    np.testing.assert_array_equal(got["mask"] * 10, batch.images[..., 0])
    numbers = rng.uniform(SEED, 0, np.array([0]), np.array([5]), np.arange(12))
    others = np.floor(numbers[:, :3] * 12).astype(int)
    for k in range(12):
        y, x = np.rint((0.25 + 0.5 * numbers[k, 3:]) * (40, 60)).astype(int)
        parts = (np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:])
        for part, record in zip(parts, (k, *others[k]), strict=True):
            assert (got["mask"][k][part] == record).all()
        assert set(np.flatnonzero(got["several"][k])) == {k, *others[k]}
        np.testing.assert_allclose(got["label"][k], np.bincount(got["mask"][k].ravel(), minlength=12) / 2400, atol=1e-6)
        for box, label in zip(feed.unpad(got["boxes"])[k]["boxes"], feed.unpad(got["boxes"])[k]["labels"], strict=True):
            x0, y0, x1, y1 = np.rint(box).astype(int)
            assert (got["mask"][k, y0:y1, x0:x1] == label).all()


def test_copypaste_pastes_what_a_mask_says() -> None:
    images = colored(8)
    mask = np.zeros((8, 24, 32), np.uint8)
    mask[:, 4:12, 4:12], mask[:, 14:20, 16:30] = 1, 2
    boxes = feed.Boxes([[[4, 4, 12, 12], [16, 14, 30, 20]]] * 8, labels=[[7, 8]] * 8, attributes={"id": [[1, 2]] * 8})
    targets = {"mask": feed.Mask(mask), "boxes": boxes, "label": np.arange(8)}
    (batch,) = one_batch(feed.CopyPaste(ids="id"), targets, count=8, images=images)
    other = partner(8)
    pasted = rng.uniform(SEED, 0, np.array([0]), np.array([257]), np.arange(8))[:, 1:] < 0.5
    assert pasted[:, 1:3].any()
    assert not pasted[:, 1:3].all()
    for k in range(8):
        expected = np.where((mask[k] > 0) & pasted[k][mask[k]], other[k] * 10, k * 10)
        np.testing.assert_array_equal(batch.images[k, :, :, 0], expected)
        np.testing.assert_array_equal(batch.targets["mask"][k], mask[k])  # things lie at the same place in all
        assert batch.targets["boxes"]["count"][k] == 2  # a thing of its own is covered by that which is pasted
    assert batch.targets["label"].tolist() == list(range(8))
    with pytest.raises(
        feed.SpecError, match=r"CopyPaste\.mask: got 'other'; expected the name of a Mask of kind 'instance'"
    ):
        one_batch(feed.CopyPaste(mask="other"), targets, count=8, images=images)
    with pytest.raises(feed.SpecError, match="the boxes have no attribute 'name'"):
        one_batch(feed.CopyPaste(ids="name"), targets, count=8, images=images)


@pytest.mark.parametrize("step", [feed.MixUp(), feed.CutMix(), feed.Mosaic((24, 32))])
def test_what_is_mixed_depends_on_nothing_but_its_key(step) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 24, 32, 3)).astype(np.uint8)
    steps = [
        feed.HorizontalFlip(),
        feed.Rotate(degrees=(-20, 20)),
        step,
        feed.Rotate(degrees=(-5, 5)),
        feed.Rescale(1 / 255),
    ]
    whole = one_batch(steps, np.eye(12), images=images, threads=1)[0]
    for options in ({"threads": 3}, {"batch_size": 5}, {"batch_size": 1}):
        parts = one_batch(steps, np.eye(12), images=images, **options)
        np.testing.assert_array_equal(np.concatenate([part.images for part in parts]), whole.images)
        np.testing.assert_array_equal(np.concatenate([part.targets for part in parts]), whole.targets)
    other = one_batch(steps, np.eye(12), images=images, epoch=1)[0]
    assert not np.array_equal(other.images, whole.images)


def test_a_partner_comes_as_this_epoch_makes_it() -> None:
    """Half of the picture is the partner, after its own flip and turn."""
    images = np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3)).astype(np.uint8)
    before = [feed.HorizontalFlip(), feed.Rotate(degrees=(-20, 20))]
    (plain,) = one_batch(before, count=6, images=images)
    (mixed,) = one_batch([*before, feed.Mosaic((48, 64), center=(0.5, 0.5))], count=6, images=images)
    numbers = rng.uniform(SEED, 0, np.array([2]), np.array([3]), np.arange(6))
    for k, others in enumerate(np.floor(numbers * 6).astype(int)):
        parts = [plain.images[j] for j in (k, *others)]
        expected = np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)])
        np.testing.assert_array_equal(mixed.images[k], expected)


def test_sometimes_leaves_the_others_alone() -> None:
    (batch,) = one_batch(feed.Sometimes(feed.CutMix(), probability=0.5), everything())
    whole = batch.targets["label"].max(axis=1) == 1
    assert 0 < whole.sum() < 12
    np.testing.assert_array_equal(batch.images[whole], colored()[whole])
    assert batch.targets["boxes"]["count"][whole].max() == 1


def test_one_of_several_mixes_is_that_one() -> None:
    """What each record gets is what the chosen mix alone gives it, by the same numbers."""
    targets = everything()
    del targets["mask"]
    several = (feed.MixUp(alpha=1.0), feed.CutMix(), feed.Mosaic((24, 32)))
    (batch,) = one_batch(feed.OneOf(several), targets)
    stage = feed.Pipeline([feed.OneOf(several)]).stages()[0]
    (drawn,) = _draw(stage, draw_keys(np.arange(12), 0), SEED, 0)
    assert set(drawn.choice.tolist()) == {0.0, 1.0, 2.0}
    for k, mixing in enumerate(several):
        own = drawn.within(str(k))
        expected = mixing.mix(own, (np.full((12, 4), 24.0), np.full((12, 4), 32.0)), np)
        others = np.floor(own.partner * 12).astype(int)
        for row in np.flatnonzero(drawn.choice == k):
            records = [row, *others[row]]
            shares = np.bincount(records, expected.share[row][: len(records)], minlength=12)
            np.testing.assert_allclose(batch.targets["label"][row], shares, atol=1e-6)
            several_labels = (shares > 0) if k == 2 else shares
            np.testing.assert_allclose(batch.targets["several"][row], several_labels, atol=1e-6)
            if k == 0:
                np.testing.assert_allclose(batch.images[row], 10 * shares @ np.arange(12), atol=0.51)
            else:
                levels, areas = np.unique(batch.images[row, ..., 0], return_counts=True)
                assert set(levels.tolist()) == {10 * record for record in records if shares[record] > 0}
                np.testing.assert_allclose(areas / 768, shares[levels // 10], atol=1e-6)


def test_one_of_several_mixes_in_sometimes_and_not() -> None:
    step = feed.Sometimes(feed.OneOf((feed.MixUp(), feed.CutMix()), weights=(1, 3)), probability=0.5)
    (batch,) = one_batch(step, {"share": np.eye(12)})
    assert 0 < (batch.targets["share"].max(axis=1) == 1).sum() < 12
    again = one_batch(step, {"share": np.eye(12)}, batch_size=5, threads=1)
    np.testing.assert_array_equal(np.concatenate([one.images for one in again]), batch.images)
    with pytest.raises(feed.SpecError, match="some of these mixes have antialias=True, others False"):
        one_batch(feed.OneOf((feed.MixUp(), feed.Mosaic((24, 32), antialias=False))))


def drawn_by(step: feed.Transform, count: int = 12):
    """What a first step draws for the records."""
    stage = feed.Pipeline([step]).stages()[0]
    return _draw(stage, draw_keys(np.arange(count), 0), SEED, 0)[0]


COMPOSED = [
    feed.SomeOf((feed.CutMix(), feed.HorizontalFlip(), feed.Mosaic((24, 32))), count=(0, 3)),
    feed.RandomOrder((feed.CutMix(), feed.VerticalFlip(), feed.Mosaic((24, 32)))),
    feed.OneOf((feed.SomeOf((feed.CutMix(), feed.Mosaic((24, 32))), count=2), feed.HorizontalFlip())),
    feed.Sometimes(feed.RandomOrder((feed.CutMix(), feed.Transpose())), probability=0.7),
]


@pytest.mark.parametrize("step", COMPOSED, ids=repr)
def test_what_is_composed_of_mixes_mixes_everything_alike(step) -> None:
    """Every pixel is of the record that the mask says, and labels count the pixels."""
    steps = [step, feed.Resize((24, 32), interpolation="nearest")]
    (batch,) = one_batch(steps, everything())
    mask = batch.targets["mask"]
    assert (mask * 10 == batch.images[..., 0]).mean() > 0.9  # where a mosaic shrinks a mix, its edges are blurred
    for row, labels in enumerate(batch.targets["label"]):
        areas = np.bincount(mask[row].ravel(), minlength=12) / mask[row].size
        # Of a partner that is itself mixed, a label says its whole shares, whichever part of it is seen.
        assert set(np.flatnonzero(areas)) <= set(np.flatnonzero(labels))
        np.testing.assert_allclose(labels.sum(), 1, atol=1e-6)
    assert ((batch.targets["label"] > 0).sum(axis=1) > 2).any()
    again = one_batch(steps, everything(), batch_size=5, threads=1)
    np.testing.assert_array_equal(np.concatenate([one.images for one in again]), batch.images)
    np.testing.assert_array_equal(np.concatenate([one.targets["mask"] for one in again]), mask)


def test_some_of_several_does_those_that_are_drawn() -> None:
    step = feed.SomeOf((feed.CutMix(), feed.MixUp(alpha=1.0), feed.Mosaic((40, 60))), count=1)
    drawn = drawn_by(step)
    chosen = np.argmin(drawn.order, axis=1)
    assert set(chosen.tolist()) == {0, 1, 2}

    def shares(row: int, place: int) -> np.ndarray:
        """Of the classes in a record after some of the transforms; its partners come as those before made them."""
        if place < 0:
            return np.eye(12)[row]
        if chosen[row] != place:
            return shares(row, place - 1)
        own = drawn.within(str(place))
        extent = np.full((12, 4), 24.0), np.full((12, 4), 32.0)
        records = [row, *np.floor(own.partner[row] * 12).astype(int)]
        weights = step.transforms[place].mix(own, extent, np).share[row]
        return sum(weight * shares(one, place - 1) for one, weight in zip(records, weights, strict=False))

    made = one_batch(step, {"label": feed.Label(np.arange(12), classes=12)}, batch_size=1)
    for row, batch in enumerate(made):
        np.testing.assert_allclose(batch.targets["label"][0], shares(row, 2), atol=1e-6)
        assert batch.images.shape == (1, *((40, 60) if chosen[row] == 2 else (24, 32)), 3)


def test_a_random_order_is_the_one_that_is_drawn() -> None:
    step = feed.RandomOrder((feed.Mosaic((40, 60)), feed.Resize((10, 12)), feed.Apply(np.fliplr)))
    last = np.argmax(drawn_by(step).order[:, :2], axis=1)
    assert set(last.tolist()) == {0, 1}
    made = one_batch(step, batch_size=1)
    assert [batch.images.shape[1:3] for batch in made] == [(40, 60) if k == 0 else (10, 12) for k in last]


def test_each_of_a_composition_is_as_if_it_stood_alone() -> None:
    """A Python function and a crop that keeps boxes, as one of several."""
    targets = {"boxes": everything()["boxes"]}
    crop = feed.SafeCropAroundBoxes((16, 16))
    step = feed.SomeOf((feed.HorizontalFlip(probability=1), crop, feed.Apply(np.negative)), count=2)
    first = np.argsort(drawn_by(step).order, axis=1)[:, :2]
    for row, batch in enumerate(one_batch(step, targets, batch_size=1)):
        size = (16, 16) if 1 in first[row] else (24, 32)
        level = row * 10 if 2 not in first[row] else -row * 10 % 256
        assert batch.images.shape[1:3] == size
        assert (batch.images == level).all()
        assert batch.targets["boxes"]["count"][0] == 1
        if 1 not in first[row]:
            x0, x1 = (4, 28)  # in the middle: a flip leaves it where it is
            np.testing.assert_allclose(batch.targets["boxes"]["boxes"][0, 0], [x0, 4, x1, 20])


def test_one_of_several_may_paste() -> None:
    mask = np.zeros((12, 24, 32), np.uint8)
    mask[:, 4:12, 4:12] = 1
    step = feed.OneOf((feed.CopyPaste(mask="mask", probability=1), feed.CutMix()))
    (batch,) = one_batch(step, {"mask": feed.Mask(mask)})
    drawn = drawn_by(step)
    own = np.arange(12)
    pasting = np.flatnonzero(drawn.choice == 0)
    assert 0 < len(pasting) < 12
    other = np.floor(drawn.within("0").partner[:, 0] * 12).astype(int)
    for row in pasting:
        np.testing.assert_array_equal(batch.images[row, ..., 0], np.where(mask[row], other[row] * 10, own[row] * 10))
    cut = drawn.within("1")
    place = feed.CutMix().mix(cut, (np.full((12, 2), 24.0), np.full((12, 2), 32.0)), np).place.astype(int)
    for row in np.flatnonzero(drawn.choice == 1):
        expected = np.full((24, 32), row * 10)
        y0, x0, y1, x1 = place[row, 1]
        expected[y0:y1, x0:x1] = int(cut.partner[row, 0] * 12) * 10
        np.testing.assert_array_equal(batch.images[row, ..., 0], expected)


def test_mixes_follow_one_another() -> None:
    steps = [feed.Mosaic((24, 32)), feed.MixUp(alpha=1.0), feed.CutMix()]
    targets = everything()
    del targets["mask"]
    (batch,) = one_batch(steps, {"share": np.eye(12), "boxes": targets["boxes"]})
    np.testing.assert_allclose(batch.targets["share"].sum(axis=1), 1, atol=1e-6)
    assert (batch.targets["share"] > 0).sum(axis=1).max() > 4
    assert batch.targets["boxes"]["count"].max() > 4


def test_a_bad_partner_is_named(tmp_path) -> None:
    from PIL import Image

    for k in range(8):
        Image.fromarray(colored()[k]).save(tmp_path / f"{k}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    pipeline = feed.Pipeline([feed.CutMix()])
    source = feed.folder(tmp_path, labels=None)
    with pytest.raises(feed.DecodeError, match=r"3\.png"):
        list(feed.Loader(source, pipeline, batch_size=8, seed=SEED))
    loader = feed.Loader(source, pipeline, batch_size=8, seed=SEED, shuffle=False, on_error="skip", max_bad=1)
    (images,) = list(loader)
    hit = {3, *np.flatnonzero(partner(8) == 3).tolist()}
    assert len(images) == 8 - len(hit)
    assert all("3.png" in str(error) for error in loader.bad)


def test_what_cannot_be_mixed_says_why() -> None:
    with pytest.raises(feed.SpecError, match="how many there are: classes=n"):
        one_batch(feed.MixUp(), np.arange(12))
    with pytest.raises(feed.SpecError, match="int64 numbers have no mean"):
        one_batch(feed.MixUp(), feed.Value(np.arange(12)))
    with pytest.raises(feed.SpecError, match="each picture has one set of points"):
        one_batch(feed.Mosaic((24, 32)), feed.Keypoints(np.ones((12, 2, 2))))
    with pytest.raises(feed.SpecError, match=r"MixUp\.alpha: got 0"):
        feed.MixUp(alpha=0)


def test_keypoints_come_along_in_a_mosaic() -> None:
    points = feed.Keypoints([[[[4.0, 4.0], [28.0, 20.0]]]] * 12)
    (batch,) = one_batch(feed.Mosaic((48, 64), center=(0.5, 0.5)), points)
    expected = [[[[4, 4], [28, 20]], [[36, 4], [60, 20]], [[4, 28], [28, 44]], [[36, 28], [60, 44]]]] * 12
    np.testing.assert_allclose(batch.targets["keypoints"][..., :2], expected, atol=1e-4)
    assert (batch.targets["keypoints"][..., 2] == 2).all()


def test_validation_and_words() -> None:
    pipeline = feed.Pipeline([feed.MixUp(), feed.CutMix(), feed.CopyPaste(), feed.Mosaic((20, 30))])
    assert pipeline.deterministic().steps == (feed.Resize((20, 30), fit="contain"),)
    loader = feed.Loader(feed.arrays(colored()), feed.Pipeline([feed.Mosaic((24, 32)), feed.Rescale(1 / 255)]))
    assert "mix 4 pictures to 24x32: 1 of rows 0 to" in loader.explain(3)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 3.0, 40.0])
def test_beta_is_that_of_scipy(alpha) -> None:
    lower = np.linspace(0, 0.5, 1001)[1:, None]
    got = feed.Beta(alpha).sample(lower, np)
    np.testing.assert_allclose(stats.beta(alpha, alpha).cdf(got), lower[:, 0], atol=1e-5)
    np.testing.assert_allclose(feed.Beta(alpha).sample(1 - lower, np), 1 - got, atol=1e-9)
