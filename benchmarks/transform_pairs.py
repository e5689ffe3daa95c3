"""The same transform in ours, in Albumentations and in Pillow, with the same strengths as far as they can be set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import imagefeed as feed


@dataclass(frozen=True)
class Pair:
    """One row of the table.

    Attributes:
        name: Of the row.
        ours: Makes our steps.
        albumentations: Makes its transform from the module; None where it has none.
        pillow: From picture to picture; None where it has none.
    """

    name: str
    ours: Callable[[], list[feed.Transform]]
    albumentations: Callable[[Any], Any] | None = None
    pillow: Callable[[Image.Image], Image.Image] | None = None


def _enhance(kind: type[Any], factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: kind(picture).enhance(factor)


PAIRS = (
    Pair(
        "HorizontalFlip", lambda: [feed.HorizontalFlip(probability=1)], lambda a: a.HorizontalFlip(p=1), ImageOps.mirror
    ),
    Pair("VerticalFlip", lambda: [feed.VerticalFlip(probability=1)], lambda a: a.VerticalFlip(p=1), ImageOps.flip),
    Pair(
        "Transpose",
        lambda: [feed.Transpose(probability=1)],
        lambda a: a.Transpose(p=1),
        lambda p: p.transpose(Image.Transpose.TRANSPOSE),
    ),
    Pair(
        "RandomRotate90",
        lambda: [feed.RandomRotate90()],
        lambda a: a.RandomRotate90(p=1),
        lambda p: p.transpose(Image.Transpose.ROTATE_90),
    ),
    Pair("Resize to 160", lambda: [feed.Resize((160, 160), antialias=False)], lambda a: a.Resize(160, 160, p=1)),
    Pair(
        "Resize to 160, antialiased",
        lambda: [feed.Resize((160, 160))],
        lambda a: a.Resize(160, 160, interpolation=3, p=1),
        lambda p: p.resize((160, 160), Image.Resampling.BILINEAR),
    ),
    Pair(
        "RandomCrop to 160",
        lambda: [feed.RandomCrop((160, 160))],
        lambda a: a.RandomCrop(160, 160, p=1),
        lambda p: p.crop((20, 30, 180, 190)),
    ),
    Pair("CenterCrop to 160", lambda: [feed.CenterCrop((160, 160))], lambda a: a.CenterCrop(160, 160, p=1)),
    Pair(
        "RandomResizedCrop to 160",
        lambda: [feed.RandomResizedCrop((160, 160), antialias=False)],
        lambda a: a.RandomResizedCrop(size=(160, 160), p=1),
    ),
    Pair("PadToSize 600", lambda: [feed.PadToSize((600, 600))], lambda a: a.PadIfNeeded(600, 600, border_mode=0, p=1)),
    Pair(
        "RandomScale by 0.75",
        lambda: [feed.RandomScale(factor=(0.75, 0.75), antialias=False)],
        lambda a: a.RandomScale((-0.25, -0.25), p=1),
    ),
    Pair(
        "ResizeLongestSide 160",
        lambda: [feed.ResizeLongestSide(160, antialias=False)],
        lambda a: a.LongestMaxSize(160, p=1),
    ),
    Pair(
        "Rotate",
        lambda: [feed.Rotate(degrees=(-45, 45))],
        lambda a: a.Rotate(limit=(-45, 45), border_mode=4, p=1),
        lambda p: p.rotate(20, Image.Resampling.BILINEAR),
    ),
    Pair(
        "Affine",
        lambda: [feed.Affine(degrees=(-20, 20), zoom=(1.0, 1.2), x=(-0.1, 0.1))],
        lambda a: a.Affine(rotate=(-20, 20), scale=(1.0, 1.2), translate_percent=(-0.1, 0.1), border_mode=4, p=1),
    ),
    Pair("Perspective", lambda: [feed.Perspective(0.2)], lambda a: a.Perspective(scale=(0.05, 0.1), p=1)),
    Pair(
        "ElasticTransform", lambda: [feed.ElasticTransform(0.2)], lambda a: a.ElasticTransform(alpha=50, sigma=10, p=1)
    ),
    Pair(
        "GridDistortion", lambda: [feed.GridDistortion(0.3, grid=(5, 5))], lambda a: a.GridDistortion(num_steps=5, p=1)
    ),
    Pair(
        "Brightness",
        lambda: [feed.Brightness(factor=(0.7, 1.3))],
        lambda a: a.RandomBrightnessContrast(contrast_limit=0, p=1),
        _enhance(ImageEnhance.Brightness, 1.2),
    ),
    Pair(
        "Contrast",
        lambda: [feed.Contrast(factor=(0.7, 1.3))],
        lambda a: a.RandomBrightnessContrast(brightness_limit=0, p=1),
        _enhance(ImageEnhance.Contrast, 1.2),
    ),
    Pair(
        "Saturation",
        lambda: [feed.Saturation(factor=(0.7, 1.3))],
        lambda a: a.ColorJitter(brightness=0, contrast=0, saturation=(0.7, 1.3), hue=0, p=1),
        _enhance(ImageEnhance.Color, 1.2),
    ),
    Pair("ColorJitter", lambda: [feed.ColorJitter()], lambda a: a.ColorJitter(hue=0.05, p=1)),
    Pair(
        "Hue",
        lambda: [feed.Hue(degrees=(-30, 30))],
        lambda a: a.HueSaturationValue(sat_shift_limit=0, val_shift_limit=0, p=1),
    ),
    Pair("HsvPower", lambda: [feed.HsvPower()], None),
    Pair("Gamma", lambda: [feed.Gamma(gamma=(0.8, 1.2))], lambda a: a.RandomGamma(p=1)),
    Pair("ChannelShift", lambda: [feed.ChannelShift(shift=(-20, 20))], lambda a: a.RGBShift(p=1)),
    Pair("ChannelShuffle", lambda: [feed.ChannelShuffle()], lambda a: a.ChannelShuffle(p=1)),
    Pair("Grayscale", lambda: [feed.Grayscale()], lambda a: a.ToGray(p=1), lambda p: p.convert("L").convert("RGB")),
    Pair("Invert", lambda: [feed.Invert()], lambda a: a.InvertImg(p=1), ImageOps.invert),
    Pair(
        "Solarize",
        lambda: [feed.Solarize(threshold=(100, 150))],
        lambda a: a.Solarize(p=1),
        lambda p: ImageOps.solarize(p, 128),
    ),
    Pair(
        "Posterize",
        lambda: [feed.Posterize(bits=(4, 4))],
        lambda a: a.Posterize(p=1),
        lambda p: ImageOps.posterize(p, 4),
    ),
    Pair("Equalize", lambda: [feed.Equalize()], lambda a: a.Equalize(p=1), ImageOps.equalize),
    Pair("AutoContrast", lambda: [feed.AutoContrast()], lambda a: a.AutoContrast(p=1), ImageOps.autocontrast),
    Pair("Clahe", lambda: [feed.Clahe()], lambda a: a.CLAHE(p=1)),
    Pair("ToneCurve", lambda: [feed.ToneCurve(strength=0.1)], lambda a: a.RandomToneCurve(p=1)),
    Pair("WhiteBalance", lambda: [feed.WhiteBalance()], lambda a: a.PlanckianJitter(p=1)),
    Pair("PcaLighting", lambda: [feed.PcaLighting()], lambda a: a.FancyPCA(p=1)),
    Pair(
        "Sharpness",
        lambda: [feed.Sharpness(factor=(1.5, 1.5))],
        lambda a: a.Sharpen(p=1),
        _enhance(ImageEnhance.Sharpness, 1.5),
    ),
    Pair(
        "GaussianBlur, sigma 1",
        lambda: [feed.GaussianBlur(sigma=(1, 1))],
        lambda a: a.GaussianBlur(blur_limit=(7, 7), sigma_limit=(1, 1), p=1),
        lambda p: p.filter(ImageFilter.GaussianBlur(1)),
    ),
    Pair(
        "GaussianBlur, sigma 3",
        lambda: [feed.GaussianBlur(sigma=(3, 3))],
        lambda a: a.GaussianBlur(blur_limit=(19, 19), sigma_limit=(3, 3), p=1),
        lambda p: p.filter(ImageFilter.GaussianBlur(3)),
    ),
    Pair("ScaleSpace", lambda: [feed.ScaleSpace()], None),
    Pair("MotionBlur", lambda: [feed.MotionBlur(length=(3, 7))], lambda a: a.MotionBlur(blur_limit=(3, 7), p=1)),
    Pair(
        "MedianBlur 3",
        lambda: [feed.MedianBlur(sizes=(3,))],
        lambda a: a.MedianBlur(blur_limit=(3, 3), p=1),
        lambda p: p.filter(ImageFilter.MedianFilter(3)),
    ),
    Pair(
        "MedianBlur 5",
        lambda: [feed.MedianBlur(sizes=(5,))],
        lambda a: a.MedianBlur(blur_limit=(5, 5), p=1),
        lambda p: p.filter(ImageFilter.MedianFilter(5)),
    ),
    Pair(
        "MedianBlur 7",
        lambda: [feed.MedianBlur(sizes=(7,))],
        lambda a: a.MedianBlur(blur_limit=(7, 7), p=1),
        lambda p: p.filter(ImageFilter.MedianFilter(7)),
    ),
    Pair("GaussianNoise", lambda: [feed.GaussianNoise(std=(10, 50))], lambda a: a.GaussNoise(p=1)),
    Pair("PoissonNoise", lambda: [feed.PoissonNoise(photons=(20, 200))], lambda a: a.ShotNoise(p=1)),
    Pair("SaltAndPepper", lambda: [feed.SaltAndPepper(share=(0.01, 0.06))], lambda a: a.SaltAndPepper(p=1)),
    Pair(
        "Downscale",
        lambda: [feed.Downscale(factor=(0.25, 0.25), antialias=False)],
        lambda a: a.Downscale(scale_range=(0.25, 0.25), p=1),
    ),
    Pair(
        "JpegCompression",
        lambda: [feed.JpegCompression(quality=(50, 90))],
        lambda a: a.ImageCompression(quality_range=(50, 90), p=1),
    ),
    Pair("RandomErasing", lambda: [feed.RandomErasing(fill=0)], lambda a: a.Erasing(p=1)),
    Pair(
        "CoarseDropout",
        lambda: [feed.CoarseDropout()],
        lambda a: a.CoarseDropout(
            num_holes_range=(1, 8), hole_height_range=(0.05, 0.2), hole_width_range=(0.05, 0.2), p=1
        ),
    ),
    Pair("GridMask", lambda: [feed.GridMask()], lambda a: a.GridDropout(p=1)),
    Pair("RandAugment", lambda: [feed.RandAugment()], None),
    Pair("TrivialAugment", lambda: [feed.TrivialAugment()], None),
    Pair("AutoAugment", lambda: [feed.AutoAugment()], None),
    Pair("AugMix", lambda: [feed.AugMix()], None),
    Pair(
        "two color ops",
        lambda: [feed.Brightness(factor=(0.7, 1.3)), feed.Saturation(factor=(0.7, 1.3))],
        lambda a: a.Compose(
            [
                a.RandomBrightnessContrast(contrast_limit=0, p=1),
                a.ColorJitter(brightness=0, contrast=0, saturation=(0.7, 1.3), hue=0, p=1),
            ]
        ),
    ),
    Pair(
        "five color ops",
        lambda: [
            feed.Brightness(factor=(0.7, 1.3)),
            feed.Contrast(factor=(0.7, 1.3)),
            feed.ChannelShift(shift=(-20, 20)),
            feed.WhiteBalance(),
            feed.Saturation(factor=(0.7, 1.3)),
        ],
        lambda a: a.Compose(
            [
                a.RandomBrightnessContrast(p=1),
                a.RGBShift(p=1),
                a.PlanckianJitter(p=1),
                a.ColorJitter(brightness=0, contrast=0, saturation=(0.7, 1.3), hue=0, p=1),
            ]
        ),
    ),
)
