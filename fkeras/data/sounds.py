"""Sounds in files, as a Dataset."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from .chain import stack, whole
from .directory import Choice, datasets


def read_sound(path: str) -> tuple[np.ndarray, int]:
    """(samples from -1 to 1, (steps, channels); samples per second) of a wav file of whole numbers, 8 to 32 bits."""
    try:
        with wave.open(path) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = np.frombuffer(file.readframes(file.getnframes()), "uint8")
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a wav file of whole numbers: {error}") from error
    if width == 1:
        samples = raw.astype("float32") / 128 - 1
    else:
        wide = np.zeros((len(raw) // width, 4), "uint8")
        wide[:, 4 - width :] = raw.reshape(-1, width)
        samples = (wide.view("<i4")[:, 0] / 2**31).astype("float32")
    return samples.reshape(-1, channels), rate


def resample(samples: np.ndarray, old: int, new: int, width: int = 16) -> np.ndarray:
    """Samples at another rate: interpolation by a sinc of `width` zeros to each side, under a Hann window.

    >>> resample(np.ones((8, 1), "float32"), 4, 2).shape
    (4, 1)
    """
    if old == new or not len(samples):
        return samples
    scale = min(1.0, new / old)  # below the lower of both limits, so that nothing is folded back
    count = math.ceil(len(samples) * new / old)
    places = np.arange(count) * (old / new)
    reach = math.ceil(width / scale)
    taps = np.floor(places)[:, None].astype(int) + np.arange(1 - reach, reach + 1)
    x = (places[:, None] - taps) * scale
    kernel = np.sinc(x) * np.cos(np.pi * np.clip(x / width, -1, 1) / 2) ** 2 * scale
    inside = (taps >= 0) & (taps < len(samples))
    picked = samples[np.clip(taps, 0, len(samples) - 1)]
    return np.einsum("tk,tkc->tc", np.where(inside, kernel, 0), picked).astype("float32")


def fit_length(samples: np.ndarray, length: int) -> np.ndarray:
    """The first samples, so many; zeros where there are fewer."""
    return np.pad(samples[:length], ((0, max(length - len(samples), 0)), (0, 0)))


def padded(sounds: list[np.ndarray]) -> np.ndarray:
    """Sounds as one batch, as long as the longest."""
    return stack([fit_length(s, max(map(len, sounds))) for s in sounds])


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The sounds (.wav, whole numbers of 8 to 32 bits) below a directory, and their labels, read as needed.

    sampling_rate: in samples per second, to which sounds are resampled; None leaves them at their own rate.
    output_sequence_length: the length of all sounds, cut off or filled with zeros; if None, those of a batch get
        the length of its longest.
    ragged: a batch is a list of sounds of their own lengths.
    All other arguments are those of `image_dataset_from_directory`.

    Shapes: (batch, steps, channels) in float32, from -1 to 1; labels (batch,), (batch, classes) or (batch, 1).
    """
    if ragged and output_sequence_length is not None:
        raise ValueError("ragged sounds keep their lengths; output_sequence_length gives them one: choose one of them.")
    rate = None if sampling_rate is None else whole("sampling_rate", sampling_rate, 1)
    length = None if output_sequence_length is None else whole("output_sequence_length", output_sequence_length, 1)

    def read(path: str) -> np.ndarray:
        samples, own = read_sound(path)
        samples = samples if rate is None else resample(samples, own, rate)
        return samples if length is None else fit_length(samples, length)

    choice = Choice(
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose
    )
    return datasets(choice, (".wav",), read, batch_size, list if ragged else padded)
