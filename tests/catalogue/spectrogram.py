"""Spectrograms."""

from fkeras.layers import MelSpectrogram, STFTSpectrogram

from .row import Row

ROWS = {
    "stft_spectrogram": Row(lambda: STFTSpectrogram("magnitude", 8, padding="same"), (2, 20, 2)),
    "stft_spectrogram_image": Row(
        lambda: STFTSpectrogram("stft", 8, 4, 16, expand_dims=True, data_format="channels_first"), (2, 2, 20)
    ),
    "mel_spectrogram": Row(lambda: MelSpectrogram(32, 16, num_mel_bins=4, top_db=200.0), (2, 100)),
}
