"""442 patients by ten measures, and how far their diabetes went on in a year."""

from .bundled import loader

load_data = loader(
    "diabetes",
    "x (n, 10) float32, each with mean 0; y (n,) float32.",
    "Efron et al. 2004, https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
    labels="float32",
)
