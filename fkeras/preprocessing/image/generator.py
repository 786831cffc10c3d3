"""`ImageDataGenerator`: images changed at random and brought to a common scale, batch by batch."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from ... import config
from .affine import FILLS, matrices, mirrored, warp
from .arrays import NumpyArrayIterator
from .files import DirectoryIterator
from .tables import DataFrameIterator
from .transforms import brightened, draws, two

AFFINE = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}
OTHERS = {"flip_horizontal": False, "flip_vertical": False, "channel_shift_intensity": None, "brightness": None}
Transform = dict[str, Any]


@dataclasses.dataclass(eq=False)
class ImageDataGenerator:
    """Makes batches of images that are turned, moved, ... at random, and standardized.

    featurewise_center, featurewise_std_normalization: subtract the mean, divide by the standard deviation, of each
        channel of the images given to `fit`; samplewise_...: of each image by itself.
    zca_whitening, zca_epsilon: make all pixels of the images given to `fit` uncorrelated.
    rotation_range, shear_range: up to so many degrees, either way.
    width_shift_range, height_shift_range: a float: up to this part of the size if below 1, else up to so many
        pixels, either way; an integer n: one of 0 to n - 1 pixels; a list: one of its elements, either way.
    brightness_range: two numbers; images are multiplied by one between them, as whole numbers from 0 to 255.
    zoom_range: two numbers, or z for (1 - z, 1 + z): height and width that are seen, in parts of the size.
    channel_shift_range: up to so much is added to all values.
    fill_mode: what comes in at the borders: nearest, constant (`cval`), reflect or wrap.
    rescale: what values are multiplied by, at last. preprocessing_function: of one image, before that.
    validation_split: the part of the data that `subset="validation"` means, the first.
    interpolation_order: of the splines between pixels, from 0 to 5.

    A batch is changed as a whole by one compiled program. Random numbers follow from the `seed` of a flow, and are
    those that Keras draws; without one, from the process-wide source that `set_random_seed` sets. As in Keras the
    shift along the columns is that of `height_shift_range`.

    Raises ValueError for settings that are not as described.

    >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    >>> flow = generator.flow(np.ones((5, 8, 8, 3)), batch_size=2, seed=1)
    >>> len(flow), flow[0].shape
    (3, (2, 8, 8, 3))
    """

    featurewise_center: bool = False
    samplewise_center: bool = False
    featurewise_std_normalization: bool = False
    samplewise_std_normalization: bool = False
    zca_whitening: bool = False
    zca_epsilon: float = 1e-6
    rotation_range: float = 0
    width_shift_range: Any = 0.0
    height_shift_range: Any = 0.0
    brightness_range: Any = None
    shear_range: float = 0.0
    zoom_range: Any = 0.0
    channel_shift_range: float = 0.0
    fill_mode: str = "nearest"
    cval: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rescale: float | None = None
    preprocessing_function: Any = None
    data_format: str | None = None
    validation_split: float = 0.0
    interpolation_order: int = 1
    dtype: Any = None
    mean: Any = dataclasses.field(default=None, init=False, repr=False)
    std: Any = dataclasses.field(default=None, init=False, repr=False)
    zca_whitening_matrix: Any = dataclasses.field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.data_format, self.dtype = config.standardize_data_format(self.data_format), self.dtype or config.floatx()
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if self.fill_mode not in FILLS:
            raise ValueError(
                f"ImageDataGenerator: fill_mode must be one of {', '.join(FILLS)}; got {self.fill_mode!r}."
            )
        if self.validation_split and not 0 < self.validation_split < 1:
            raise ValueError(f"ImageDataGenerator: validation_split lies between 0 and 1; got {self.validation_split}.")
        if isinstance(self.zoom_range, (float, int)):
            self.zoom_range = (1 - self.zoom_range, 1 + self.zoom_range)
        self.zoom_range = list(two(self.zoom_range, "ImageDataGenerator: zoom_range"))
        if self.brightness_range is not None:
            two(self.brightness_range, "ImageDataGenerator: brightness_range")
        self._imply("zca_whitening", "featurewise_center", True)
        self._imply("zca_whitening", "featurewise_std_normalization", False)
        self._imply("featurewise_std_normalization", "featurewise_center", True)
        self._imply("samplewise_std_normalization", "samplewise_center", True)

    def _imply(self, name: str, other: str, value: bool) -> None:
        if getattr(self, name) and bool(getattr(self, other)) != value:
            warnings.warn(f"ImageDataGenerator: {name}=True sets {other}={value}.", stacklevel=3)
            setattr(self, other, value)

    # --- batches -------------------------------------------------------------------------------

    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = True, sample_weight: Any = None,
        seed: int | None = None, save_to_dir: str | None = None, save_prefix: str = "", save_format: str = "png",
        ignore_class_split: bool = False, subset: str | None = None,
    ) -> NumpyArrayIterator:  # fmt: skip
        """Batches of the images in an array, (n, height, width, channels), with their labels and weights.

        x: or (images, others), where others are further arrays of n rows that come along as they are.
        subset: "training" or "validation". save_to_dir: where to write what is made, as a check.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight, seed=seed,
            data_format=self.data_format, save_to_dir=save_to_dir, save_prefix=save_prefix, save_format=save_format,
            ignore_class_split=ignore_class_split, subset=subset, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self, directory: Any, target_size: Any = (256, 256), color_mode: str = "rgb", classes: Any = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: str | None = None, save_prefix: str = "", save_format: str = "png", follow_links: bool = False,
        subset: str | None = None, interpolation: str = "nearest", keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:  # fmt: skip
        """Batches of the images in a directory that holds a directory for each class.

        class_mode: what comes with them: "categorical" (one-hot), "binary", "sparse" (numbers), "input" (the
            images), or None.
        """
        return DirectoryIterator(
            directory, self, target_size=target_size, color_mode=color_mode, keep_aspect_ratio=keep_aspect_ratio,
            classes=classes, class_mode=class_mode, data_format=self.data_format, batch_size=batch_size,
            shuffle=shuffle, seed=seed, save_to_dir=save_to_dir, save_prefix=save_prefix, save_format=save_format,
            follow_links=follow_links, subset=subset, interpolation=interpolation, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self, dataframe: Any, directory: Any = None, x_col: str = "filename", y_col: Any = "class",
        weight_col: str | None = None, target_size: Any = (256, 256), color_mode: str = "rgb", classes: Any = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: str | None = None, save_prefix: str = "", save_format: str = "png", subset: str | None = None,
        interpolation: str = "nearest", validate_filenames: bool = True, **kwargs: Any,
    ) -> DataFrameIterator:  # fmt: skip
        """Batches of the images whose files a table names: a pandas DataFrame, or a dict of columns.

        class_mode: as in `flow_from_directory`, or "raw" (the column `y_col` as it is, or several), or
            "multi_output" (a list of the columns in the list `y_col`).
        """
        for name in [k for k in kwargs if k in ("has_ext", "sort", "drop_duplicates")]:
            warnings.warn(f"flow_from_dataframe: {name} has no effect.", FutureWarning, stacklevel=2)
            kwargs.pop(name)
        return DataFrameIterator(
            dataframe, directory, self, x_col=x_col, y_col=y_col, weight_col=weight_col, target_size=target_size,
            color_mode=color_mode, classes=classes, class_mode="raw" if class_mode == "other" else class_mode,
            data_format=self.data_format, batch_size=batch_size, shuffle=shuffle, seed=seed, save_to_dir=save_to_dir,
            save_prefix=save_prefix, save_format=save_format, subset=subset, interpolation=interpolation,
            validate_filenames=validate_filenames, dtype=self.dtype, **kwargs,
        )  # fmt: skip

    def transformed(self, x: np.ndarray) -> np.ndarray:
        """A batch of images changed at random and standardized."""
        return self._standardized(self._applied(x, self._drawn(draws(), x.shape[1:], len(x))))

    # --- random changes ------------------------------------------------------------------------

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> Transform:
        """What `apply_transform` takes, drawn for an image of this shape."""
        drawn = self._drawn(draws(seed), img_shape, 1)
        return {k: (AFFINE | OTHERS)[k] if v is None else v[0].item() for k, v in drawn.items()}

    def apply_transform(self, x: Any, transform_parameters: Transform) -> np.ndarray:
        """One image, changed as these parameters say: any of theta, tx, ty, shear, zx, zy (as in
        `apply_affine_transform`), flip_horizontal, flip_vertical, channel_shift_intensity and brightness."""
        given = {k: None if (v := transform_parameters.get(k)) is None else np.array([v]) for k in AFFINE | OTHERS}
        return self._applied(np.asarray(x)[None], given)[0]

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """One image, changed at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def _drawn(self, rs: np.random.RandomState, shape: Any, n: int) -> Transform:
        """The parameters of n images, (n,) each, None for those that change nothing; drawn image by image."""
        ranges: dict[str, Any] = {
            "theta": self.rotation_range, "tx": self.height_shift_range, "ty": self.width_shift_range,
            "shear": self.shear_range,
        }  # fmt: skip
        zooms = {} if self.zoom_range == [1, 1] else {"zx": self.zoom_range, "zy": self.zoom_range}
        plan = {k: (-r, r) if _is_float(r) or k in ("theta", "shear") else r for k, r in ranges.items() if r}
        plan |= {**zooms, "flip_horizontal": (0, 1), "flip_vertical": (0, 1)}
        if self.channel_shift_range != 0:
            plan["channel_shift_intensity"] = (-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            plan["brightness"] = self.brightness_range
        listed = [k for k in ("tx", "ty") if k in plan and not _is_float(ranges[k])]
        if listed:
            rows = [[_one(rs, r, k in listed) for k, r in plan.items()] for _ in range(n)]
            columns = dict(zip(plan, np.array(rows).reshape(n, -1).T, strict=True))
        else:  # as many draws for each image: all of them at once
            parts = rs.random_sample((n, len(plan))).T
            columns = {k: low + (high - low) * p for (k, (low, high)), p in zip(plan.items(), parts, strict=True)}
        for k, axis in (("tx", self.row_axis), ("ty", self.col_axis)):
            if k in columns and np.max(ranges[k]) < 1:
                columns[k] = columns[k] * shape[axis - 1]
        for k, on in (("flip_horizontal", self.horizontal_flip), ("flip_vertical", self.vertical_flip)):
            columns[k] = (columns[k] < 0.5) & bool(on)
        return {k: columns.get(k) for k in AFFINE | OTHERS}

    def _applied(self, x: np.ndarray, t: Transform) -> np.ndarray:
        """A batch after these changes."""
        first = self.data_format == "channels_first"
        y = np.moveaxis(x, 1, -1) if first else x
        n, (height, width) = len(y), y.shape[1:3]
        flips = [np.zeros(n, bool) if t[k] is None else t[k].astype(bool) for k in ("flip_vertical", "flip_horizontal")]
        numbers = {k: np.full(n, v, float) if t[k] is None else t[k] for k, v in AFFINE.items()}
        if any((numbers[k] != v).any() for k, v in AFFINE.items()):
            m = mirrored(matrices(numbers, height, width), height, width, *flips)
            y = warp(y, m, self.fill_mode, self.cval, self.interpolation_order)
        elif any(f.any() for f in flips):
            for axis, f in enumerate(flips, 1):
                y = np.where(f[:, None, None, None], np.flip(y, axis), y)
        if t["channel_shift_intensity"] is not None:
            low, high = (g((1, 2, 3), keepdims=True) for g in (y.min, y.max))
            y = np.clip(y + t["channel_shift_intensity"].reshape(-1, 1, 1, 1).astype(y.dtype), low, high)
        if t["brightness"] is not None:
            y = brightened(y, t["brightness"], False)
        return np.moveaxis(y, -1, 1) if first else y

    # --- a common scale ------------------------------------------------------------------------

    def standardize(self, x: Any) -> np.ndarray:
        """An image, or each of a batch, on the scale that the settings say; `x` itself stays."""
        x = np.asarray(x)
        return self._standardized(x[None])[0] if x.ndim == 3 else self._standardized(x)

    def _standardized(self, x: np.ndarray) -> np.ndarray:
        if self.preprocessing_function:
            x = np.stack([self.preprocessing_function(image) for image in x.copy()]) if len(x) else x
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, (1, 2, 3), keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, (1, 2, 3), keepdims=True) + 1e-6)
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x = x - self.mean
        if self.featurewise_std_normalization and self._fitted("featurewise_std_normalization", self.std):
            x = x / (self.std + 1e-6)
        if self.zca_whitening and self._fitted("zca_whitening", self.zca_whitening_matrix):
            x = (x.reshape(len(x), -1) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _fitted(self, setting: str, value: Any) -> bool:
        if value is None:
            warnings.warn(f"ImageDataGenerator: {setting}=True has no effect before fit(images).", stacklevel=4)
        return value is not None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Takes the statistics of these images, (n, height, width, channels).

        augment: whether to take those of `rounds` random changes of each instead.
        Raises ValueError for another rank.
        """
        x = np.asarray(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit takes a batch of images, of rank 4; received shape {x.shape}.")
        if self.rescale:
            x = x * self.rescale
        if augment:
            rs = draws(seed)
            x = np.concatenate([self._applied(x, self._drawn(rs, x.shape[1:], len(x))) for _ in range(rounds)])
        axes, shape = (0, self.row_axis, self.col_axis), [1, 1, 1]
        shape[self.channel_axis - 1] = -1
        if self.featurewise_center:
            self.mean = np.mean(x, axes).reshape(shape)
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axes).reshape(shape)
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _is_float(r: Any) -> bool:
    return isinstance(r, (float, np.floating))


def _one(rs: np.random.RandomState, r: Any, listed: bool) -> float:
    """One number: of the elements of a list, or of the numbers below an integer, either way; or of a range."""
    return rs.choice(r) * rs.choice([-1, 1]) if listed else rs.uniform(*r)
