"""Data sets: those of Keras, from their files; and small ones that come with scikit-learn."""

from . import (
    boston_housing,
    breast_cancer,
    california_housing,
    cifar10,
    cifar100,
    diabetes,
    digits,
    fashion_mnist,
    imdb,
    iris,
    mnist,
    reuters,
    wine,
)

__all__ = [
    "boston_housing", "breast_cancer", "california_housing", "cifar10", "cifar100", "diabetes", "digits",
    "fashion_mnist", "imdb", "iris", "mnist", "reuters", "wine",
]  # fmt: skip
