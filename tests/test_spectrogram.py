"""Spectrograms: against Keras, and what they refuse."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from parity import compare

from fkeras import layers
from fkeras.layers import MelSpectrogram, STFTSpectrogram

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 40, 3)).astype("float32")
SOUND = RNG.normal(size=(2, 300)).astype("float32")

STFT = {
    "log": lambda L: L.STFTSpectrogram(frame_length=8),
    "magnitude": lambda L: L.STFTSpectrogram("magnitude", 8, 4, 16, "hamming", True, "spectrum", "same"),
    "psd": lambda L: L.STFTSpectrogram("psd", 8, 3, scaling=None, expand_dims=True, trainable=False),
    "real": lambda L: L.STFTSpectrogram("real", 8, window=None, expand_dims=True, data_format="channels_first"),
    "imag": lambda L: L.STFTSpectrogram("imag", 8, data_format="channels_first", padding="same"),
    "angle": lambda L: L.STFTSpectrogram("angle", 8),
    "stft": lambda L: L.STFTSpectrogram("stft", 8, 2, data_format="channels_first"),
    "stft_image": lambda L: L.STFTSpectrogram("stft", 8, 2, expand_dims=True),
}


@pytest.mark.parametrize("name", STFT)
def test_stft(name):
    first = STFT[name](layers).data_format == "channels_first"
    compare(STFT[name], X.swapaxes(1, 2) if first else X, unknown=((0,),))


MEL = {
    "plain": ({"fft_length": 64, "num_mel_bins": 10, "sequence_stride": 32}, SOUND),
    "one": ({"fft_length": 64, "num_mel_bins": 10, "sequence_stride": 32, "power_to_db": False}, SOUND[0]),
    "all": (
        {
            "fft_length": 64, "num_mel_bins": 6, "sequence_stride": 16, "sequence_length": 50, "window": "hamming",
            "sampling_rate": 4000, "min_freq": 100.0, "max_freq": 1500.0, "top_db": 30.0, "mag_exp": 1.0,
            "min_power": 1e-5, "ref_power": 2.0,
        },
        SOUND,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEL)
def test_mel(name):
    settings, x = MEL[name]
    exact = name != "all"  # the gradient of Keras is NaN where its Fourier transform is 0
    compare(
        lambda L: L.MelSpectrogram(**settings), x, unknown=((0,),) if x.ndim > 1 else (), atol=1e-4, gradients=exact
    )


def test_the_gradient_of_silence_is_finite():
    layer = MelSpectrogram(fft_length=32, sequence_stride=16, num_mel_bins=4, mag_exp=1.0)
    gradient = jax.jit(jax.grad(lambda x: layer.apply({}, {}, x)[0].sum()))(np.zeros(64, "float32"))
    assert np.isfinite(gradient).all()


def test_the_number_of_frames_where_keras_counts_one_too_many():
    layer = MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8)
    assert layer.compute_output_shape((None, 319)) == (None, 8, 10)
    assert layer(np.ones((3, 319), "float32")).shape == (3, 8, 10)


def test_refuses():
    for make, said in [
        (lambda: STFTSpectrogram("power"), "mode"),
        (lambda: STFTSpectrogram(frame_length=8, frame_step=9), "frame_step <= frame_length"),
        (lambda: STFTSpectrogram(frame_length=8, fft_length=4), "frame_length <= fft_length"),
        (lambda: STFTSpectrogram(frame_length=8)(X[:, :5]), "fewer samples"),
        (lambda: STFTSpectrogram(window="hat"), "hat"),
        (lambda: MelSpectrogram(fft_length=8, sequence_length=9), "must not be less"),
        (lambda: MelSpectrogram(num_mel_bins=0), "num_mel_bins"),
    ]:
        with pytest.raises(ValueError, match=said):
            make()
    with pytest.raises(TypeError, match="as floats"):
        STFTSpectrogram(frame_length=8)(np.ones((1, 16, 1), "int32"))
    with pytest.warns(UserWarning, match="power of two"):
        STFTSpectrogram(frame_length=8, fft_length=12)
