"""Policies against the tables of the papers, which are written down here once more as they stand in print."""

import re

import numpy as np
import pytest
import scipy.stats
from one_picture import done, photo, planned

import imagefeed as feed
from imagefeed import array_ops
from imagefeed.ops import Blend
from imagefeed.transforms import policy

RNG = np.random.default_rng(8)

# Cubuk et al., "AutoAugment" (2019), tables 7 (CIFAR-10), 8 (SVHN) and 9 (ImageNet): operation, probability, magnitude.
PRINTED = {
    "cifar10": """
        (Invert, 0.1, 7) (Contrast, 0.2, 6)
        (Rotate, 0.7, 2) (TranslateX, 0.3, 9)
        (Sharpness, 0.8, 1) (Sharpness, 0.9, 3)
        (ShearY, 0.5, 8) (TranslateY, 0.7, 9)
        (AutoContrast, 0.5, 8) (Equalize, 0.9, 2)
        (ShearY, 0.2, 7) (Posterize, 0.3, 7)
        (Color, 0.4, 3) (Brightness, 0.6, 7)
        (Sharpness, 0.3, 9) (Brightness, 0.7, 9)
        (Equalize, 0.6, 5) (Equalize, 0.5, 1)
        (Contrast, 0.6, 7) (Sharpness, 0.6, 5)
        (Color, 0.7, 7) (TranslateX, 0.5, 8)
        (Equalize, 0.3, 7) (AutoContrast, 0.4, 8)
        (TranslateY, 0.4, 3) (Sharpness, 0.2, 6)
        (Brightness, 0.9, 6) (Color, 0.2, 8)
        (Solarize, 0.5, 2) (Invert, 0.0, 3)
        (Equalize, 0.2, 0) (AutoContrast, 0.6, 0)
        (Equalize, 0.2, 8) (Equalize, 0.6, 4)
        (Color, 0.9, 9) (Equalize, 0.6, 6)
        (AutoContrast, 0.8, 4) (Solarize, 0.2, 8)
        (Brightness, 0.1, 3) (Color, 0.7, 0)
        (Solarize, 0.4, 5) (AutoContrast, 0.9, 3)
        (TranslateY, 0.9, 9) (TranslateY, 0.7, 9)
        (AutoContrast, 0.9, 2) (Solarize, 0.8, 3)
        (Equalize, 0.8, 8) (Invert, 0.1, 3)
        (TranslateY, 0.7, 9) (AutoContrast, 0.9, 1)""",
    "svhn": """
        (ShearX, 0.9, 4) (Invert, 0.2, 3)
        (ShearY, 0.9, 8) (Invert, 0.7, 5)
        (Equalize, 0.6, 5) (Solarize, 0.6, 6)
        (Invert, 0.9, 3) (Equalize, 0.6, 3)
        (Equalize, 0.6, 1) (Rotate, 0.9, 3)
        (ShearX, 0.9, 4) (AutoContrast, 0.8, 3)
        (ShearY, 0.9, 8) (Invert, 0.4, 5)
        (ShearY, 0.9, 5) (Solarize, 0.2, 6)
        (Invert, 0.9, 6) (AutoContrast, 0.8, 1)
        (Equalize, 0.6, 3) (Rotate, 0.9, 3)
        (ShearX, 0.9, 4) (Solarize, 0.3, 3)
        (ShearY, 0.8, 8) (Invert, 0.7, 4)
        (Equalize, 0.9, 5) (TranslateY, 0.6, 6)
        (Invert, 0.9, 4) (Equalize, 0.6, 7)
        (Contrast, 0.3, 3) (Rotate, 0.8, 4)
        (Invert, 0.8, 5) (TranslateY, 0.0, 2)
        (ShearY, 0.7, 6) (Solarize, 0.4, 8)
        (Invert, 0.6, 4) (Rotate, 0.8, 4)
        (ShearY, 0.3, 7) (TranslateX, 0.9, 3)
        (ShearX, 0.1, 6) (Invert, 0.6, 5)
        (Solarize, 0.7, 2) (TranslateY, 0.6, 7)
        (ShearY, 0.8, 4) (Invert, 0.8, 8)
        (ShearX, 0.7, 9) (TranslateY, 0.8, 3)
        (ShearY, 0.8, 5) (AutoContrast, 0.7, 3)
        (ShearX, 0.7, 2) (Invert, 0.1, 5)""",
    "imagenet": """
        (Posterize, 0.4, 8) (Rotate, 0.6, 9)
        (Solarize, 0.6, 5) (AutoContrast, 0.6, 5)
        (Equalize, 0.8, 8) (Equalize, 0.6, 3)
        (Posterize, 0.6, 7) (Posterize, 0.6, 6)
        (Equalize, 0.4, 7) (Solarize, 0.2, 4)
        (Equalize, 0.4, 4) (Rotate, 0.8, 8)
        (Solarize, 0.6, 3) (Equalize, 0.6, 7)
        (Posterize, 0.8, 5) (Equalize, 1.0, 2)
        (Rotate, 0.2, 3) (Solarize, 0.6, 8)
        (Equalize, 0.6, 8) (Posterize, 0.4, 6)
        (Rotate, 0.8, 8) (Color, 0.4, 0)
        (Rotate, 0.4, 9) (Equalize, 0.6, 2)
        (Equalize, 0.0, 7) (Equalize, 0.8, 8)
        (Invert, 0.6, 4) (Equalize, 1.0, 8)
        (Color, 0.6, 4) (Contrast, 1.0, 8)
        (Rotate, 0.8, 8) (Color, 1.0, 2)
        (Color, 0.8, 8) (Solarize, 0.8, 7)
        (Sharpness, 0.4, 7) (Invert, 0.6, 8)
        (ShearX, 0.6, 5) (Equalize, 1.0, 9)
        (Color, 0.4, 0) (Equalize, 0.6, 3)
        (Equalize, 0.4, 7) (Solarize, 0.2, 4)
        (Solarize, 0.6, 5) (AutoContrast, 0.6, 5)
        (Invert, 0.6, 4) (Equalize, 1.0, 8)
        (Color, 0.6, 4) (Contrast, 1.0, 8)
        (Equalize, 0.8, 8) (Equalize, 0.6, 3)""",
}

# Table 6 of the same: at the strongest of ten magnitudes; and the wide space of table 1 of Müller and Hutter,
# "TrivialAugment" (2021). What is left out has no magnitude.
AUTO = {"shear": 0.3, "translate": 150 / 331, "rotate": 30, "solarize": 0, "posterize": 4, "enhance": 0.9}
WIDE = {"shear": 0.99, "translate": 32, "rotate": 135, "solarize": 0, "posterize": 2, "enhance": 0.99}

# Section 3.1 of Cubuk et al., "RandAugment" (2020), and the operations of Hendrycks et al., "AugMix" (2020), section 3.
NINE = ["AutoContrast", "Equalize", "Posterize", "Rotate", "Solarize", "ShearX", "ShearY", "TranslateX", "TranslateY"]
FOURTEEN = {"Identity", *NINE, "Color", "Contrast", "Brightness", "Sharpness"}


@pytest.mark.parametrize("name", PRINTED)
def test_learned_policies_are_the_printed_tables(name: str) -> None:
    found = re.findall(r"\((\w+), ([\d.]+), (\d)\)", PRINTED[name])
    printed = [(operation, float(chance), int(magnitude)) for operation, chance, magnitude in found]
    assert [one for pair in policy.learned(name) for one in pair] == printed
    assert len(policy.learned(name)) == 25


def test_learned_policies_are_the_published_tables() -> None:
    torchvision = pytest.importorskip("torchvision.transforms")
    plain = ("AutoContrast", "Equalize", "Invert")
    augment = torchvision.AutoAugment()
    for name in ("imagenet", "cifar10", "svhn"):
        theirs = augment._get_policies(torchvision.AutoAugmentPolicy(name))
        ours = [
            tuple((op, chance, None if op in plain else magnitude) for op, chance, magnitude in pair)
            for pair in policy.learned(name)
        ]
        assert ours == list(theirs)


EXTENT = np.array([61.0]), np.array([83.0])


def done_by(name: str, strength: float, most: policy.Strongest, sign: float = 1.0) -> tuple:
    """The matrix of an operation, and its color ops."""
    kind = np.array([policy.OPERATIONS.index(name)])
    one = policy.Operation(kind, np.array([strength]), np.array([sign]))
    warp = policy.geometry(one, most, "constant", 128.0, EXTENT, np)
    return warp.matrix[0], policy.colors(one, most, np)


@pytest.mark.parametrize(("most", "printed"), [(policy.STANDARD, AUTO), (policy.WIDE, WIDE)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_operations_have_the_printed_ranges(most, printed, sign: float, strength: float) -> None:
    def matrix(name: str) -> np.ndarray:
        return done_by(name, strength, most, sign)[0]

    signed = strength * sign
    assert matrix("ShearX")[0, 1] == pytest.approx(signed * printed["shear"])
    assert matrix("ShearY")[1, 0] == pytest.approx(signed * printed["shear"])
    across = printed["translate"] * (1 if most is policy.WIDE else 83)
    assert matrix("TranslateX")[0, 2] == pytest.approx(-signed * across)
    assert matrix("TranslateY")[1, 2] == pytest.approx(-signed * across * (1 if most is policy.WIDE else 61 / 83))
    turn = matrix("Rotate")
    assert np.degrees(np.arctan2(-turn[0, 1], turn[0, 0])) == pytest.approx(signed * printed["rotate"])
    for place, name in enumerate(("Brightness", "Contrast")):
        scaled = done_by(name, strength, most, sign)[1][0]
        factor = scaled.matrix[0, 0, 0]
        assert factor == pytest.approx(1 + signed * printed["enhance"])
        assert scaled.matrix[0, 0, 3] == pytest.approx(place * 127.5 * (1 - factor))
    colored = done_by("Color", strength, most, sign)[1][1].matrix[0]
    assert colored[0, 0] - colored[1, 0] == pytest.approx(1 + signed * printed["enhance"])
    sharp = done_by("Sharpness", strength, most, sign)[1][-1].kernel[0]
    assert sharp[1, 1] - 5 * sharp[0, 0] == pytest.approx(1 + signed * printed["enhance"])


@pytest.mark.parametrize(("most", "printed"), [(policy.STANDARD, AUTO), (policy.WIDE, WIDE)])
def test_tables_have_the_printed_ranges(most, printed) -> None:
    ramp = np.arange(256)
    for strength in (0.0, 0.5, 1.0):
        bits = round(8 - strength * (8 - printed["posterize"]))
        table = done_by("Posterize", strength, most)[1][2].table[0, :, 0]
        np.testing.assert_array_equal(table, ramp >> (8 - bits) << (8 - bits))
        threshold = 256 + strength * (printed["solarize"] - 256)
        table = done_by("Solarize", strength, most)[1][2].table[0, :, 0]
        np.testing.assert_array_equal(table, np.where(ramp < threshold, ramp, 255 - ramp))
    np.testing.assert_array_equal(done_by("Invert", 0.3, most)[1][2].table[0, :, 0], 255 - ramp)


def test_policies_draw_the_printed_operations() -> None:
    image = photo()

    def drawn(step: feed.Transform, name: str, names: tuple[str, ...]) -> dict[str, float]:
        """How often each operation is drawn, of 2,000 or more."""
        variable = step.variables()[name]
        found = variable.sample(RNG.random((2000, variable.count)), np).ravel()
        return {names[k]: float((found == k).mean()) for k in np.unique(found)}

    for step in (feed.RandAugment(), feed.TrivialAugment()):
        shares = drawn(step, "operation", policy.OPERATIONS)
        assert set(shares) == FOURTEEN
        assert all(share == pytest.approx(1 / 14, abs=0.02) for share in shares.values())
    shares = drawn(feed.AugMix(), "operation", policy.MIXED)
    assert set(shares) == set(NINE)
    magnitudes = feed.TrivialAugment().variables()["magnitude"].sample(RNG.random((2000, 1)), np)
    assert set(magnitudes) == set(range(31))
    assert (feed.RandAugment().count, feed.RandAugment().magnitude) == (2, 9)  # of table 3, ImageNet and ResNet-50
    assert (feed.AugMix().severity, feed.AugMix().width, feed.AugMix().depth) == (3, 3, (1, 3))
    for step in (feed.RandAugment(magnitude=0), feed.RandAugment(count=1, magnitude=0)):
        plain = [seed for seed in range(20) if (done(step, image, seed=seed) == image).all()]
        assert len(plain) > 5  # but AutoContrast and Equalize, which have no strength, and Solarize at 256


def test_augmix_mixes_what_its_chains_make() -> None:
    image = photo(20, 24)
    for record in range(6):
        result = planned(feed.AugMix(severity=10), image, record=record)
        op = result.passes[0].ops[0]
        assert isinstance(op, Blend)
        assert op.weights.sum() == pytest.approx(1, abs=1e-6)
        assert op.weights[0, 0] == pytest.approx(1 - result.drawn[0].share[0], abs=1e-6)
        chains = [array_ops.run(branch, image, 0, np.float64) for branch in op.branches]
        mixed = sum(w * one for w, one in zip(op.weights[0], [image, *chains], strict=True))
        ours = done(feed.AugMix(severity=10), image, "float32", record=record)
        assert (abs(ours - mixed) > 1).mean() < 0.01
    drawn = feed.AugMix().variables()["weight"].sample(RNG.random((20_000, 3)), np)
    parts = -np.log(1 - drawn)
    parts /= parts.sum(axis=1, keepdims=True)  # Dirichlet(1, 1, 1): each part has the distribution Beta(1, 2)
    assert scipy.stats.kstest(parts[:, 0], scipy.stats.beta(1, 2).cdf).pvalue > 1e-3
