"""Normalization."""

from fkeras import layers as L

from .row import Ids, Row, Steps

ROWS = {
    "batch_normalization": Row(lambda: L.BatchNormalization(), (4, 5)),
    "batch_normalization_masked": Row(
        lambda: L.BatchNormalization(center=False, gamma_regularizer="l2"), Steps((3, 4, 5)), unknown=(0, 1)
    ),
    "batch_normalization_renorm": Row(
        lambda: L.BatchNormalization(1, renorm=True, renorm_clipping={"rmax": 2.0}), (4, 3, 2), smooth=False
    ),
    "layer_normalization": Row(lambda: L.LayerNormalization(), (4, 3, 5), unknown=(0, 1)),
    "layer_normalization_axes": Row(lambda: L.LayerNormalization((1, 2), scale=False), (4, 3, 5)),
    "group_normalization": Row(lambda: L.GroupNormalization(2), (2, 3, 3, 4), unknown=(0, 1, 2)),
    "group_normalization_instance": Row(lambda: L.GroupNormalization(-1, 1), (2, 3, 4)),
    "rms_normalization": Row(lambda: L.RMSNormalization([1, 2]), (2, 3, 4)),
    "unit_normalization": Row(lambda: L.UnitNormalization(), (2, 3, 4), unknown=(0, 1)),
    "spectral_normalization": Row(lambda: L.SpectralNormalization(L.Dense(3, "tanh")), (2, 4)),
    "spectral_normalization_embedding": Row(
        lambda: L.SpectralNormalization(L.Embedding(7, 3), 2), Ids((2, 4), 7), smooth=False
    ),
}
