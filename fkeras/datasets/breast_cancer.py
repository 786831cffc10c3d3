"""569 tumors, benign or not, by 30 measures of their cells."""

from .bundled import loader

load_data = loader(
    "breast_cancer",
    "x (n, 30) float32; y (n,) int32: 1 is benign.",
    "Wolberg et al. 1995, https://archive.ics.uci.edu/dataset/17",
)
