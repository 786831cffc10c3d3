import numpy as np
from parity import compare

rng = np.random.default_rng(0)


def test_a():
    x = rng.normal(size=(2, 5)).astype("float32")
    compare(lambda L: L.Dense(3, "tanh", kernel_regularizer="l2"), x, unknown=((0,),))
    compare(
        lambda L: L.Dense(3, "tanh"),
        rng.normal(size=(2, 4, 5)).astype("float32"),
        masks=(np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool),),
        unknown=((0,), (0, 1)),
    )
    compare(lambda L: L.Dense(3, "tanh", activity_regularizer="l2"), x)
