"""Layers for tables of numbers."""

from fkeras import layers as L

from .row import Ids, Row

ROWS = {
    "normalization": Row(lambda: L.Normalization(), (2, 4, 3), unknown=(0, 1)),
    "normalization_given": Row(lambda: L.Normalization(mean=0.5, variance=2.0, invert=True), (2, 3), unknown=(0, 1)),
    "discretization": Row(lambda: L.Discretization([-0.5, 0.5], output_mode="count"), (2, 4), smooth=False),
    "category_encoding": Row(lambda: L.CategoryEncoding(5, "one_hot"), Ids((2, 4), 5), unknown=(0, 1)),
    "hashing": Row(lambda: L.Hashing(7, output_mode="multi_hot"), Ids((2, 4), 500), bits=False),
    "hashing_salted": Row(lambda: L.Hashing(7, 3, 5), Ids((2, 4), 500), unknown=(0, 1), bits=False),
    "integer_lookup": Row(
        lambda: L.IntegerLookup(num_oov_indices=2, vocabulary=[3, 1, 4]), Ids((2, 4), 9), unknown=(0, 1)
    ),
    "integer_lookup_count": Row(
        lambda: L.IntegerLookup(vocabulary=[3, 1, 4], output_mode="count", mask_token=0), Ids((2, 4), 9), bits=False
    ),
    "pipeline": Row(lambda: L.Pipeline([L.Normalization(), L.GaussianNoise(0.5), L.Dense(2)]), (2, 4)),
    "hashed_crossing": Row(lambda: L.HashedCrossing(7), [Ids((2, 1), 500), Ids((2, 1), 500)], bits=False),
}
