"""What all architectures share: where they begin, how they end, whence their weights come."""

from __future__ import annotations

import dataclasses
import os
import urllib.error
from collections.abc import Callable
from typing import Any

from .. import activations, config, layers
from ..graph import Symbol
from ..models import Functional
from ..utils import get_file, get_source_inputs

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclasses.dataclass
class Order:
    """The arguments that every architecture takes."""

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None


def axis() -> int:
    """The axis of channels in a batch of images."""
    return 3 if config.image_data_format() == "channels_last" else 1


def channels(x: Any) -> int:
    """How many channels a symbol has."""
    return x.shape[axis()]


def then(x: Any, *parts: Any) -> Any:
    """The layers, one after another; None stands for no layer."""
    for part in parts:
        x = x if part is None else part(x)
    return x


def norm(name: str | None = None, **settings: Any) -> Any:
    """Batch normalization over channels."""
    return layers.BatchNormalization(axis=axis(), name=name, **settings)


def act(name: str | None = None, function: Any = "relu") -> Any:
    """An activation, as a layer."""
    return layers.Activation(function, name=name)


def rounded(size: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at most a tenth below the size: widths that run fast."""
    found = max(divisor, int(size + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * size else found


def edges(x: Any, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding before a convolution of stride 2, which leaves out the first row where their number is even."""
    sizes = x.shape[1:3] if axis() == 3 else x.shape[2:4]
    half = kernel // 2
    first, second = (half - (1 if size is None else 1 - size % 2) for size in sizes)
    return (first, half), (second, half)


def input_shape(order: Order, size: int, least: int) -> tuple[Any, ...]:
    """The shape of one image that an order means; checked."""
    last = config.image_data_format() == "channels_last"
    usual = (size, size, 3) if last else (3, size, size)
    given = None if order.input_shape is None else tuple(order.input_shape)
    if order.weights == "imagenet" and order.include_top:
        if given not in (None, usual):
            raise ValueError(
                f"{order.name}: the weights of ImageNet with include_top=True are for images of {usual}; got "
                f"input_shape={given}. With include_top=False other sizes work."
            )
        return usual
    if given is None:
        return usual if order.include_top else (None, None, 3) if last else (3, None, None)
    sides, depth = (given[:2], given[-1]) if last else (given[1:], given[0])
    if len(given) != 3:
        raise ValueError(f"{order.name}: input_shape is the shape of one image, such as {usual}; got {given}.")
    if order.weights == "imagenet" and depth != 3:
        raise ValueError(f"{order.name}: the weights of ImageNet are for 3 channels; got input_shape={given}.")
    if any(side is not None and side < least for side in sides):
        raise ValueError(f"{order.name} needs images of at least {least}x{least}; got input_shape={given}.")
    if order.include_top and None in given:
        raise ValueError(f"{order.name}: with include_top=True all of input_shape must be known; got {given}.")
    return given


def check(order: Order) -> None:
    """Refuses weights that are not there, and heads that they do not fit."""
    weights = order.weights
    if not (weights is None or weights == "imagenet" or os.path.exists(weights)):
        raise ValueError(
            f"{order.name}: weights is None (drawn anew), 'imagenet' (fetched), or the path of a file; got {weights!r}."
        )
    if weights == "imagenet" and order.include_top and order.classes != 1000:
        raise ValueError(
            f"{order.name}: the weights of ImageNet with include_top=True have 1000 classes; got "
            f"classes={order.classes}. Take include_top=False and put a Dense({order.classes}) on top."
        )
    if order.pooling not in (None, "avg", "max"):
        raise ValueError(f"{order.name}: pooling is None, 'avg' or 'max'; got {order.pooling!r}.")
    head = activations.get(order.classifier_activation)
    if weights is not None and order.include_top and head not in (activations.linear, activations.softmax):
        raise ValueError(
            f"{order.name}: with weights the classifier_activation is 'softmax' or None; got "
            f"{order.classifier_activation!r}."
        )


def entrance(order: Order, size: int, least: int = 32) -> Any:
    """The symbol that an architecture begins with; the order is checked."""
    check(order)
    shape = input_shape(order, size, least)
    if order.input_tensor is None:
        return layers.Input(shape)
    if not isinstance(order.input_tensor, Symbol):
        raise TypeError(
            f"{order.name}: input_tensor is a symbol, of fkeras.Input or a layer; got {order.input_tensor!r}."
        )
    return order.input_tensor


def pooled(x: Any, order: Order, named: bool = False) -> Any:
    """The features as one vector per image, if the order says so."""
    if order.pooling is None:
        return x
    layer = layers.GlobalAveragePooling2D if order.pooling == "avg" else layers.GlobalMaxPooling2D
    return layer(name=f"{order.pooling}_pool" if named else None)(x)


def topped(
    x: Any, order: Order, named: bool = True, pool: str | None = "avg_pool", drop: float = 0, **settings: Any
) -> Any:
    """The usual end: the mean over the image and a classifier, or the features."""
    if not order.include_top:
        return pooled(x, order, named)
    return then(
        x,
        layers.GlobalAveragePooling2D(name=pool),
        layers.Dropout(drop, name="top_dropout") if drop else None,
        layers.Dense(order.classes, order.classifier_activation, name="predictions", **settings),
    )


@dataclasses.dataclass
class Published:
    """Where a family's weights are published, with and without the classifier.

    top, rest: file name and hash; the hash may be None.
    """

    address: str
    top: tuple[str, str | None]
    rest: tuple[str, str | None]

    def fetch(self, order: Order) -> str:
        """The path of the file, fetched unless it is there."""
        name, digest = self.top if order.include_top else self.rest
        try:
            return get_file(name, self.address + name, cache_subdir="models", file_hash=digest)
        except (OSError, urllib.error.URLError) as error:
            raise OSError(
                f"{order.name}: the weights could not be fetched from {self.address}{name} ({error}). Put the file "
                f"into ~/.keras/models, give its path as weights=, or take weights=None, which draws them anew."
            ) from error


def usual(folder: str, stem: str, top: str | None, rest: str | None) -> Published:
    """Files named as most are."""
    stem = f"{stem}_weights_tf_dim_ordering_tf_kernels"
    return Published(f"{ADDRESS}{folder}/", (f"{stem}.h5", top), (f"{stem}_notop.h5", rest))


def finished(source: Any, x: Any, order: Order, published: Published | None) -> Any:
    """The model, with its weights."""
    inputs = source
    if order.input_tensor is not None:
        found = get_source_inputs(order.input_tensor)
        inputs = found[0] if len(found) == 1 else found
    model = Functional(inputs, x, name=order.name)
    if order.weights == "imagenet":
        if published is None:
            raise ValueError(f"{order.name}: no weights are published for these settings; take weights=None.")
        model.load_weights(published.fetch(order))
    elif order.weights is not None:
        model.load_weights(order.weights)
    return model


def architecture(title: str, paper: str, build: Callable[[Order], Any], default: str) -> Any:
    """A function that builds an architecture, with the arguments of Keras."""

    def make(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = default,
    ) -> Any:
        return build(
            Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        )

    return described(make, title, paper)


ARGUMENTS = """

include_top: whether the classifier is there; without it the model gives features.
weights: None for new ones, "imagenet" for those that Keras publishes, or the path of a file.
input_tensor: a symbol to begin with, instead of a new input.
input_shape: of one image; with include_top=False or weights=None other sizes than the usual work.
pooling: with include_top=False, "avg" or "max" for one vector per image.
classes, classifier_activation: of the classifier.
Raises ValueError for settings that do not fit the weights, OSError where they cannot be fetched.
"""


def described(make: Any, title: str, paper: str) -> Any:
    """The function, under its name, with a docstring."""
    make.__name__ = make.__qualname__ = title
    make.__doc__ = f"{title}: {paper}.{ARGUMENTS}"
    return make
