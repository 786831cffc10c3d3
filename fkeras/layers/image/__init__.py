"""Layers of images: their sizes, and random changes of what is on them."""

from .augmenting import AugMix, RandAugment
from .box_count import MaxNumBoundingBoxes
from .color import RandomColorDegeneration, RandomColorJitter, RandomGrayscale, RandomHue, RandomSaturation
from .filtering import RandomErasing, RandomGaussianBlur, RandomSharpness
from .histogram import ContrastLimitedAdaptiveHistogramEqualization, Equalization
from .light import (
    AutoContrast,
    RandomBrightness,
    RandomContrast,
    RandomInvert,
    RandomPosterization,
    Solarization,
)  # fmt: skip
from .mixing import CutMix, MixUp
from .moving import RandomFlip, RandomRotation, RandomShear, RandomTranslation, RandomZoom
from .sizing import CenterCrop, RandomCrop, Rescaling, Resizing
from .warping import RandomElasticTransform, RandomPerspective
