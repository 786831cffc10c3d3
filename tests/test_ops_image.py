"""The functions of images, convolutions and pooling, each against Keras."""

from __future__ import annotations

import numpy as np
import pytest
from ops_parity import POOL, check_record, check_values

draw = np.random.default_rng(1)
POOL.update(
    rgb=draw.uniform(size=(2, 6, 5, 3)).astype("float32"),
    rgb2=draw.uniform(size=(2, 6, 5, 3)).astype("float32"),
    picture=draw.uniform(size=(6, 5, 3)).astype("float32"),
    ints=draw.integers(0, 255, size=(2, 6, 5, 3)).astype("uint8"),
    gray=draw.uniform(size=(1, 6, 5, 1)).astype("float32"),
    first=draw.uniform(size=(2, 3, 6, 5)).astype("float32"),
    volume=draw.uniform(size=(1, 4, 5, 6, 2)).astype("float32"),
    moves=np.array([[1.0, 0.1, 0.5, -0.1, 0.9, 1, 0, 0], [0.8, 0, -1, 0.2, 1.1, 0, 0, 0]], "float32"),
    corners=np.array([[0, 0], [4, 0], [0, 5], [4, 5]], "float32"),
    corners2=np.array([[0.5, 0], [3.5, 0.2], [0, 5], [4, 4.5]], "float32"),
    kernel=draw.normal(size=(2, 2, 3, 4)).astype("float32"),
    each=draw.normal(size=(2, 2, 3, 2)).astype("float32"),
    points=draw.normal(size=(1, 1, 6, 4)).astype("float32"),
    back=draw.normal(size=(2, 2, 4, 3)).astype("float32"),
    places=draw.uniform(0, 4, size=(2, 7)).astype("float32"),
    plane=draw.uniform(size=(5, 6)).astype("float32"),
    seq=draw.normal(size=(2, 7, 3)).astype("float32"),
    kernel1=draw.normal(size=(3, 3, 2)).astype("float32"),
    large=draw.uniform(size=(2, 12, 13, 3)).astype("float32"),
    scales=np.array([1.5, 0.7], "float32"),
    shifts=np.array([0.5, -1.0], "float32"),
)

LINES = """
image.rgb_to_grayscale(rgb)
image.rgb_to_grayscale(ints, data_format="channels_last")
image.rgb_to_grayscale(first, data_format="channels_first")
image.rgb_to_grayscale(gray)
image.rgb_to_hsv(rgb)
image.rgb_to_hsv(first, data_format="channels_first")
image.hsv_to_rgb(picture)
image.resize(rgb, (3, 8))
image.resize(rgb, (3, 3), interpolation="nearest", antialias=True)
image.resize(rgb, (3, 3), interpolation="bicubic", antialias=True)
image.resize(picture, (9, 9), interpolation="lanczos3")
image.resize(ints, (4, 7))
image.resize(first, (4, 4), interpolation="lanczos5", data_format="channels_first")
image.resize(rgb, (8, 4), crop_to_aspect_ratio=True)
image.resize(rgb, (4, 8), pad_to_aspect_ratio=True, fill_value=0.5)
image.resize(ints, (8, 4), pad_to_aspect_ratio=True)
image.affine_transform(rgb, moves)
image.affine_transform(picture, moves[0], interpolation="nearest", fill_mode="reflect")
image.affine_transform(first, moves, fill_mode="wrap", fill_value=1.0, data_format="channels_first")
image.affine_transform(ints, moves, fill_mode="nearest")
image.perspective_transform(picture, corners, corners2)
image.perspective_transform(rgb, stack([corners, corners2]), stack([corners2, corners]), "nearest", fill_value=0.5)
image.map_coordinates(plane, places, 1)
image.map_coordinates(plane, places * 2, order=0, fill_mode="mirror", fill_value=1.0)
image.crop_images(rgb, 1, 2, target_height=3, target_width=2)
image.crop_images(picture, top_cropping=1, bottom_cropping=2, left_cropping=0, right_cropping=1)
image.crop_images(first, None, 1, 1, None, 3, 2, data_format="channels_first")
image.pad_images(rgb, 1, 2, target_height=9, target_width=8)
image.pad_images(first, 1, 2, 3, 4, data_format="channels_first")
image.pad_images(ints, bottom_padding=1, right_padding=0, target_height=8, target_width=5)
image.extract_patches(rgb, (3, 2))
image.extract_patches(rgb, 2, strides=1, padding="same")
image.extract_patches(picture, (2, 2), strides=(1, 2))
image.extract_patches(rgb, 2, strides=1, dilation_rate=2)
image.extract_patches_3d(volume, 2)
image.extract_patches_3d(volume, (2, 1, 3), strides=(1, 2, 1), padding="same")
image.gaussian_blur(rgb, data_format="channels_last")
image.gaussian_blur(picture, kernel_size=(5, 3), sigma=(0.5, 2.0), data_format="channels_last")
image.gaussian_blur(first, data_format="channels_first")
image.sobel_edges(rgb)
image.sobel_edges(first, data_format="channels_first")
image.ssim(rgb, rgb2, filter_size=3)
image.ssim(picture, rgb[0], max_val=2.0, filter_size=5, filter_sigma=1.0)
image.ssim(large, large * 0.9 + 0.01)
image.elastic_transform(rgb, alpha=2.0, sigma=1.0, seed=3)
image.elastic_transform(first, alpha=1.0, sigma=2.0, interpolation="nearest", seed=3, data_format="channels_first")
image.scale_and_translate(plane, (4, 9), scales, shifts, (0, 1), "linear")
image.scale_and_translate(plane, (4, 9), scales, shifts, (0, 1), "cubic", antialias=False)
conv(rgb, kernel)
conv(rgb, kernel, strides=2, padding="SAME")
conv(rgb, kernel, dilation_rate=2)
conv(first, kernel, strides=(1, 2), data_format="channels_first")
conv(seq, kernel1, 1, "same")
depthwise_conv(rgb, each)
depthwise_conv(rgb, each, strides=2, padding="same")
separable_conv(rgb, each, points)
conv_transpose(rgb, back)
conv_transpose(rgb, back, strides=2, padding="same")
conv_transpose(rgb, back, strides=(2, 2), padding="valid", output_padding=1)
max_pool(rgb, 2, 2)
max_pool(rgb, (3, 2), strides=1, padding="same")
max_pool(seq, 2, 1, data_format="channels_last")
average_pool(rgb, 2, 1, padding="SAME")
average_pool(first, (2, 2), strides=(1, 2), data_format="channels_first")
adaptive_average_pool(rgb, (3, 3))
adaptive_max_pool(rgb, (2, 3))
adaptive_average_pool(seq, (4,))
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_on_arrays_and_symbols(line):
    compiled = "elastic" not in line  # Keras reads the width of its blur from an array
    check_record(line, check_values(line, rtol=2e-4, atol=2e-5, compiled=compiled))
