"""Image files, and images as arrays. Pillow does the reading and writing.

>>> array_to_img(img_to_array([[0, 128], [255, 64]]), scale=False).size
(2, 2)
"""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import config
from ..ops.image import resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

MODES = {"grayscale": ("L", "I;16", "I"), "rgba": ("RGBA",), "rgb": ("RGB",)}  # the first, unless it is another of them
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow() -> Any:
    """`PIL.Image`; raises ImportError, and says what to install, where there is none."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Image files need Pillow: pip install 'fkeras[image]', or pip install pillow.") from None
    return Image


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array as a Pillow image.

    Shapes: (height, width, channels), with 1, 3 or 4 channels.
    scale: whether the least value becomes 0 and the greatest 255; else values must lie there.
    dtype: that the array has on the way.
    Raises ValueError for other shapes, for values that are not finite, and for those that no pixel can hold.

    >>> array_to_img(np.ones((2, 3, 3))).size
    (3, 2)
    """
    x = np.asarray(x, dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"array_to_img takes one image, (height, width, channels); received shape {x.shape}.")
    if config.standardize_data_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img takes 1, 3 or 4 channels; received {x.shape[2]} in shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("array_to_img: the array holds NaN or infinity, which no pixel can show.")
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    deep = x.shape[2] == 1 and x.max() > 255
    if not deep and (x.min() <= -1 or x.max() >= 256):
        raise ValueError(
            f"array_to_img: pixels hold values from 0 to 255; received {x.min():g} to {x.max():g}. "
            "Use scale=True, or np.clip."
        )
    return pillow().fromarray((x[..., 0] if x.shape[2] == 1 else x).astype("int32" if deep else "uint8"))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array.

    Shapes: (height, width) or (height, width, channels) -> (height, width, channels).
    Raises ValueError for other shapes.

    >>> img_to_array(np.zeros((2, 3))).shape
    (2, 3, 1)
    """
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array takes an image of 2 or 3 axes; received shape {x.shape}.")
    x = x[..., None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if config.standardize_data_format(data_format) == "channels_first" else x


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Writes an array to an image file.

    path: a name, or an open file.
    file_format: of the ending of the name unless given.
    scale: whether the least value becomes 0 and the greatest 255.
    kwargs: what Pillow's `save` takes.

    >>> save_img("one.png", np.ones((2, 2, 3)))
    """
    if file_format is None and isinstance(path, (str, pathlib.Path)):
        file_format = pathlib.Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    img = array_to_img(x, data_format, scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("JPEG files hold no transparency: the image is saved as RGB.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(
    path: Any, color_mode: str = "rgb", target_size: tuple[int, int] | None = None, interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:  # fmt: skip
    """The image in a file, as a Pillow image.

    path: a name, or io.BytesIO.
    color_mode: grayscale, rgb or rgba.
    target_size: (height, width); `interpolation` is nearest, bilinear, bicubic, hamming, box or lanczos.
    keep_aspect_ratio: whether borders are cut off instead of distorting.
    Raises ValueError for unknown settings, TypeError for another path, and what `open` raises.

    >>> save_img("two.png", np.ones((2, 2, 3))); load_img("two.png", target_size=(4, 3)).size
    (3, 4)
    """
    if color_mode not in MODES:
        raise ValueError(f"load_img: color_mode must be one of {', '.join(MODES)}; received {color_mode!r}.")
    if interpolation not in FILTERS:
        raise ValueError(f"load_img: interpolation must be one of {', '.join(FILTERS)}; received {interpolation!r}.")
    if isinstance(path, io.BytesIO):
        img = pillow().open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        img = pillow().open(io.BytesIO(pathlib.Path(os.fsdecode(path)).read_bytes()))
    else:
        raise TypeError(f"load_img takes the name of a file or io.BytesIO; received {path!r}.")
    if img.mode not in MODES[color_mode]:
        img = img.convert(MODES[color_mode][0])
    if target_size is None:
        return img
    target_size = _two(target_size, "load_img: target_size")
    if img.size == (target_size[1], target_size[0]):
        return img
    box = _middle(img.size, (target_size[1], target_size[0])) if keep_aspect_ratio else None
    return img.resize((target_size[1], target_size[0]), pillow().Resampling[interpolation.upper()], box=box)


def _two(size: Any, name: str) -> tuple[int, int]:
    """A setting that is (height, width)."""
    if not hasattr(size, "__len__") or len(size) != 2:
        raise ValueError(f"{name} must be two numbers, (height, width); received {size!r}.")
    return size[0], size[1]


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The greatest part of an image (width, height) of the ratio of `target`, in its middle."""
    width, height = size
    across, down = min(width, height * target[0] // target[1]), min(height, width * target[1] // target[0])
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def smart_resize(x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last") -> Any:
    """Images of another size that are cut, not distorted, where the ratio of the sides differs.

    Shapes: (..., h, w, channels) -> (..., *size, channels); a NumPy array gives one.
    interpolation: bilinear, nearest, bicubic, lanczos3 or lanczos5.
    Raises ValueError for another rank, and for a size that is not two numbers.

    >>> smart_resize(np.ones((4, 8, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    size = _two(size, "smart_resize: size")
    y = resize(jnp.asarray(x), size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return np.asarray(y) if isinstance(x, np.ndarray) else y
