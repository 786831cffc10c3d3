"""150 irises of three kinds, by the size of their petals and sepals."""

from .bundled import loader

load_data = loader(
    "iris",
    "x (n, 4) float32, centimetres; y (n,) int32 in [0, 3).",
    "Fisher 1936, https://archive.ics.uci.edu/dataset/53/iris",
)
