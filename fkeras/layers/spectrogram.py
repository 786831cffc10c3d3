"""Spectrograms of sound: STFTSpectrogram, a convolution that can be trained, and MelSpectrogram."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from .. import config, convolve, initializers, ops
from ..layer import Layer, Shapes, shown
from .layout import check_layout, check_padding, data_format
from .settings import check_choice, check_positive


class STFTSpectrogram(Layer):
    """A short-time Fourier transform, as a convolution with cosines and sines under a window.

    Shapes: (b, time, channels) -> (b, frames, channels * bins);  real_kernel, imag_kernel (frame_length, 1, bins).

    mode: "log" of the magnitude, "magnitude", "psd" (power; twice for what stands for two bins), "real", "imag",
        "angle", or "stft" for real and imaginary parts one after the other.
    frame_length, frame_step: samples in a frame, and from one to the next (half a frame for None).
    fft_length: bins = fft_length // 2 + 1; the next power of two for None.
    window, periodic, scaling: as in `fkeras.initializers.STFT`.
    padding: "valid", or "same" for ceil(time / frame_step) frames.
    expand_dims: outputs as images, (b, frames, bins, channels).
    data_format: where the channels are; "channels_first" takes (b, channels, time) and returns (b, channels * bins,
        frames), or (b, channels, frames, bins).

    The kernels are trained, unless `trainable=False`.
    Raises ValueError for settings that do not go together, TypeError for inputs that are no floats.

    >>> STFTSpectrogram(frame_length=8)(jnp.ones((1, 16, 1))).shape
    (1, 3, 5)
    """

    mode: str = "log"
    frame_length: int = 256
    frame_step: int | None = None
    fft_length: int | None = None
    window: Any = "hann"
    periodic: bool = False
    scaling: str | None = "density"
    padding: str = "valid"
    expand_dims: bool = False
    data_format: str | None = data_format()

    rank: ClassVar[Any] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "mode", ("log", "magnitude", "psd", "real", "imag", "angle", "stft"))
        check_positive(self, "frame_length", *(n for n in ("frame_step", "fft_length") if getattr(self, n) is not None))
        check_choice(self, "scaling", (None, "density", "spectrum"))
        check_padding(self, "valid", "same")
        check_layout(self)
        self.step = self.frame_step or max(1, self.frame_length // 2)
        self.length = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        if self.step > self.frame_length or self.length < self.frame_length:
            raise ValueError(
                f"STFTSpectrogram: frame_step <= frame_length <= fft_length; got {self.step}, {self.frame_length} and "
                f"{self.length}."
            )
        if self.length & (self.length - 1):
            warnings.warn(
                f"STFTSpectrogram: a power of two makes a faster fft_length than {self.length}.", stacklevel=3
            )
        self.floor = config.epsilon()
        self.real_kernel_initializer, self.imag_kernel_initializer = (
            initializers.STFT(side, self.window, self.scaling, self.periodic) for side in ("real", "imag")
        )

    def param_shapes(self, x: Any) -> Shapes:
        shape = (self.frame_length, 1, self.length // 2 + 1)
        left_out = {"real": "imag_kernel", "imag": "real_kernel"}.get(self.mode)
        return {n: shape for n in ("real_kernel", "imag_kernel") if n != left_out}

    def call(self, x: Any, *, params: Any) -> Any:
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"{self!r} takes samples as floats; got {x.dtype}.")
        signals = jnp.moveaxis(x, -1, 1) if self.data_format == "channels_last" else x
        n = signals.shape[2]
        if self.padding == "valid" and isinstance(n, int) and n < self.frame_length:
            raise ValueError(f"{self!r}: inputs of shape {shown(x.shape)} have fewer samples than a frame.")

        def transform(kernel: Any) -> Any:  # (b, channels, frames, bins)
            rows = signals.reshape(-1, signals.shape[2], 1)
            y = convolve.conv(rows, kernel, self.step, self.padding, "channels_last")
            return y.reshape(*signals.shape[:2], *y.shape[1:])

        return self.arranged(self.read(*(transform(params[name]) for name in self.param_shapes(x))))

    def read(self, *parts: Any) -> Any:
        """What the mode makes of the real and imaginary parts, or of the only one there is."""
        match self.mode:
            case "real" | "imag":
                return parts[0]
            case "angle":
                return jnp.arctan2(parts[1], parts[0])
            case "stft":
                return jnp.concatenate(parts, -1)
        power = jnp.square(parts[0]) + jnp.square(parts[1])
        if self.mode == "psd":
            return power.at[..., 1:-1].multiply(2)
        magnitude = jnp.sqrt(jnp.maximum(power, self.floor))
        return magnitude if self.mode == "magnitude" else jnp.log(jnp.maximum(magnitude, self.floor))

    def arranged(self, y: Any) -> Any:
        """(b, channels, frames, bins) in the layout of the settings."""
        b, channels, frames, bins = y.shape
        if self.expand_dims:
            return jnp.moveaxis(y, 1, -1) if self.data_format == "channels_last" else y
        if self.data_format == "channels_last":
            return jnp.moveaxis(y, 1, 2).reshape(b, frames, channels * bins)
        return jnp.moveaxis(y, 2, 3).reshape(b, channels * bins, frames)


class MelSpectrogram(Layer):
    """Power of sound, on the scale of frequencies by which people hear.

    y = mel @ |STFT(x)|^mag_exp, in decibels if power_to_db.

    Shapes: (time,) -> (num_mel_bins, frames); (b, time) -> (b, num_mel_bins, frames).

    fft_length, sequence_length, sequence_stride, window: the frames of the transform, see `fkeras.ops.stft`.
    sampling_rate: samples per second.
    min_freq, max_freq: of the lowest and the highest band, in hertz; half the sampling rate for None.
    top_db: what is so much below the loudest of all inputs is raised to that.
    min_power, ref_power: the least power there is, and the one of 0 dB.

    Raises ValueError for a sequence_length above fft_length.
    Source: https://en.wikipedia.org/wiki/Mel_scale, with the constants of HTK (http://htk.eng.cam.ac.uk/)

    >>> MelSpectrogram(num_mel_bins=8, sampling_rate=800, fft_length=64, sequence_stride=32)(jnp.ones((2, 128))).shape
    (2, 8, 5)
    """

    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: int | None = None
    window: Any = "hann"
    sampling_rate: int = 16000
    num_mel_bins: int = 128
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = True
    top_db: float = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float = 1.0

    rank: ClassVar[Any] = (1, 2)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sequence_length = self.sequence_length or self.fft_length
        self.max_freq = self.max_freq or int(self.sampling_rate / 2)
        check_positive(self, "fft_length", "sequence_stride", "sequence_length", "num_mel_bins")
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"MelSpectrogram: fft_length={self.fft_length} must not be less than "
                f"sequence_length={self.sequence_length}."
            )

    def call(self, x: Any) -> Any:
        dtype = self.compute_dtype
        exact = x.astype(dtype if dtype in ("float32", "float64") else "float32")
        settings: Any = self.sequence_length, self.sequence_stride, self.fft_length, self.window
        real, imag = ops.stft(exact, *settings)
        power = jnp.square(real) + jnp.square(imag)
        if self.mag_exp != 2:  # silence has the gradient 0, not that of a root
            heard = power > 0
            power = jnp.where(heard, jnp.where(heard, power, 1) ** (self.mag_exp / 2), 0)
        bands: Any = self.num_mel_bins, power.shape[-1], self.sampling_rate, self.min_freq, self.max_freq
        y = power @ jnp.asarray(self.linear_to_mel_weight_matrix(*bands), power.dtype)
        if self.power_to_db:
            y = self.decibels(y)
        return jnp.swapaxes(y, -1, -2).astype(dtype)

    def decibels(self, power: Any) -> Any:
        """10 log10(power / ref_power), at most `top_db` below the loudest."""
        reference = max(abs(self.ref_power), self.min_power)
        y = 10 * jnp.log10(jnp.maximum(power, self.min_power)) - 10 * math.log10(reference)
        return jnp.maximum(y, jnp.max(y) - self.top_db)

    def linear_to_mel_weight_matrix(
        self, num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sampling_rate: int = 8000,
        lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: Any = "float32",
    ) -> np.ndarray:  # fmt: skip
        """(num_spectrogram_bins, num_mel_bins): triangles of height 1 at even distances on the mel scale."""
        hertz = np.linspace(0, sampling_rate / 2, num_spectrogram_bins, dtype="float64")[1:]
        edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        at = mel(hertz)[:, None]
        triangles = np.maximum(0, np.minimum((at - low) / (middle - low), (high - at) / (high - middle)))
        return np.pad(triangles, [(1, 0), (0, 0)]).astype(dtype)


def mel(hertz: Any) -> Any:
    """A frequency on the mel scale.

    >>> round(float(mel(1000.0)))
    1000
    """
    return 1127.0 * np.log(1 + hertz / 700.0)
