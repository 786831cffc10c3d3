"""178 wines of three growers, by 13 chemical measures."""

from .bundled import loader

load_data = loader(
    "wine",
    "x (n, 13) float32; y (n,) int32 in [0, 3).",
    "Aeberhard & Forina 1991, https://archive.ics.uci.edu/dataset/109/wine",
)
