"""Layers that draw random numbers while training."""

from fkeras import layers as L

from .row import Row, Steps

ROWS = {
    "dropout": Row(lambda: L.Dropout(0.4), Steps((2, 4, 5)), unknown=(0, 1)),
    "dropout_seeded": Row(lambda: L.Dropout(0.4, (None, 1, 5), seed=3), (2, 4, 5)),
    "spatial_dropout_1d": Row(lambda: L.SpatialDropout1D(0.4), (2, 4, 5)),
    "spatial_dropout_2d": Row(lambda: L.SpatialDropout2D(0.4, "channels_first"), (2, 4, 5, 2)),
    "spatial_dropout_3d": Row(lambda: L.SpatialDropout3D(0.4, seed=3), (2, 2, 3, 2, 4)),
    "gaussian_dropout": Row(lambda: L.GaussianDropout(0.4), (2, 5)),
    "gaussian_noise": Row(lambda: L.GaussianNoise(0.4, seed=3), (2, 5)),
    "alpha_dropout": Row(lambda: L.AlphaDropout(0.4, (None, 1)), (2, 5)),
}
