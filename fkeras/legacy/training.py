"""Methods of models that Keras 1 and 2 had beside fit, evaluate and predict."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from .. import atomic, graph
from ..callbacks import ModelCheckpoint
from ..graph import is_symbol
from ..layer import Layer
from ..models import Model
from ..optimizers import Optimizer
from ..preprocessing.image import ImageDataGenerator
from ..saving import public
from ..saving.legacy import write_weights
from .arguments import DROPPED, read
from .backend.gradients import get_gradients, get_updates
from .telling import gone, tell

OLD = {a for (c, a) in DROPPED if c == "fit"}


def first_batch(data: Any) -> tuple[Any, int]:
    """(the data, its rows per batch), without losing the batch that was looked at."""
    if hasattr(data, "__getitem__"):
        batch, whole = data[0], data
    else:
        rows = iter(data)
        batch = next(rows)
        whole = itertools.chain([batch], rows)
    leaf = jax.tree.leaves(batch[0] if isinstance(batch, (tuple, list)) else batch)[0]
    return whole, len(leaf)


def steps_of(data: Any, steps: int | None, samples: int | None) -> tuple[Any, int | None]:
    """(the data, steps) where Keras 1 counted samples."""
    if samples is None:
        return data, steps
    data, rows = first_batch(data)
    return data, math.ceil(samples / rows)


def without_old(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that have not lost their meaning."""
    return {("epochs" if k == "nb_epoch" else k): v for k, v in kwargs.items() if k not in OLD}


def fit_generator(
    self: Any, generator: Any, steps_per_epoch: int | None = None, epochs: int = 1, verbose: Any = 1,
    callbacks: Any = None, validation_data: Any = None, validation_steps: int | None = None,
    *, samples_per_epoch: int | None = None, nb_val_samples: int | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """`fit` on a generator. samples_per_epoch, nb_val_samples: of Keras 1, which counted samples."""
    tell("fit_generator", "write fit(generator, steps_per_epoch=..., epochs=...).")
    kwargs = {"epochs": epochs, **without_old(kwargs)}
    generator, steps_per_epoch = steps_of(generator, steps_per_epoch, samples_per_epoch)
    if validation_data is not None and not isinstance(validation_data, tuple):
        validation_data, validation_steps = steps_of(validation_data, validation_steps, nb_val_samples)
    return self.fit(
        generator, steps_per_epoch=steps_per_epoch, verbose=verbose, callbacks=callbacks,
        validation_data=validation_data, validation_steps=validation_steps, **kwargs,
    )  # fmt: skip


def evaluate_generator(
    self: Any, generator: Any, steps: int | None = None, *, val_samples: int | None = None, **kwargs: Any
) -> Any:
    """`evaluate` on a generator."""
    tell("evaluate_generator", "write evaluate(generator, steps=...).")
    generator, steps = steps_of(generator, steps, val_samples)
    return self.evaluate(generator, steps=steps, **without_old(kwargs))


def predict_generator(
    self: Any, generator: Any, steps: int | None = None, *, val_samples: int | None = None, **kwargs: Any
) -> Any:
    """`predict` on a generator."""
    tell("predict_generator", "write predict(generator, steps=...).")
    generator, steps = steps_of(generator, steps, val_samples)
    return self.predict(generator, steps=steps, **without_old(kwargs))


def predict_proba(self: Any, x: Any, batch_size: int | None = 32, verbose: Any = 0) -> Any:
    """`predict`."""
    tell("predict_proba", "write predict(x).")
    return self.predict(x, batch_size, verbose)


def predict_classes(self: Any, x: Any, batch_size: int | None = 32, verbose: Any = 0) -> Any:
    """The class of each row: the largest output, or whether the only one is above one half."""
    tell("predict_classes", "write predict(x).argmax(-1), or (predict(x) > 0.5).astype('int32').")
    found = np.asarray(self.predict(x, batch_size, verbose))
    return found.argmax(-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")


def get_rate(self: Any) -> Any:
    """The learning rate under its name of Keras 1 and 2."""
    return self.learning_rate


def set_rate(self: Any, value: Any) -> None:
    self.learning_rate = value


def node_at(layer: Any, index: int, name: str) -> Any:
    """The symbols of one call of a layer: what it took, or what it made."""
    node = layer._face.nodes[index]
    found = graph.symbols((node.args, node.kwargs)) if name == "get_input_at" else graph.symbols(node.outputs)
    return found[0] if len(found) == 1 else found


SHAPES = {"input_shape": "input", "output_shape": "output"}


def with_shapes(find: Callable[..., Any]) -> Callable[..., Any]:
    """`layer.input_shape` and `layer.output_shape`, which only models have today."""

    def __getattr__(self: Any, name: str) -> Any:
        if name in ("get_output_at", "get_input_at") and vars(self).get("_face") is not None:
            return lambda i: node_at(self, i, name)
        if name in SHAPES and vars(self).get("_face") is not None and self._face.nodes:
            tell(f"layer.{name}", f"write layer.{SHAPES[name]}.shape.")
            return jax.tree.map(lambda s: s.shape, getattr(self, SHAPES[name]), is_leaf=is_symbol)
        return find(self, name)

    __getattr__.__wrapped__ = find  # type: ignore[attr-defined]
    return __getattr__


def in_old_files(save_weights: Callable[..., Any]) -> Callable[..., Any]:
    """`save_weights("name.h5")`, in the format of Keras 2, which `load_weights` reads."""

    def save(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> None:
        path = str(filepath)
        if not path.endswith(public.OLD) or path.endswith(".weights.h5"):
            return save_weights(self, filepath, *args, **kwargs)
        import h5py

        tell("save_weights('name.h5')", "the old format; name files name.weights.h5 today.")
        if public.may_write(path, args[0] if args else kwargs.get("overwrite", True)):
            with atomic.writing(path) as temporary, h5py.File(temporary, "w") as file:
                write_weights(file, self)

    save.__doc__, save.__name__, save.__wrapped__ = save_weights.__doc__, "save_weights", save_weights  # type: ignore
    return save


def reading(cls: Any) -> Callable[..., None]:
    """The constructor of a class that is no Configurable, which reads the tables of old arguments, too."""
    init = cls.__init__

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        args, kwargs = read(cls, args, kwargs)
        init(self, *args, **kwargs)

    return __init__


PLAIN = (ImageDataGenerator, ModelCheckpoint)


def with_inputs(add_loss: Callable[..., Any]) -> Callable[..., Any]:
    """`add_loss(loss, inputs=...)`, whose second argument said what the loss depends on."""

    def add(self: Any, loss: Any, inputs: Any = None) -> None:
        if inputs is not None:
            tell("add_loss(inputs=...)", "write add_loss(loss).")
        add_loss(self, loss)

    add.__doc__, add.__name__, add.__wrapped__ = add_loss.__doc__, "add_loss", add_loss  # type: ignore
    return add


def add_update(self: Any, updates: Any, inputs: Any = None) -> None:
    """`self.add_update(K.update(x, new))`, in a `call`: the update has been made already."""
    for update in updates if isinstance(updates, list) else [updates]:
        if isinstance(update, tuple):
            update[0].assign(update[1])


METHODS: dict[type, Iterable[tuple[str, Any]]] = {
    Model: (
        ("fit_generator", fit_generator), ("evaluate_generator", evaluate_generator),
        ("predict_generator", predict_generator), ("predict_proba", predict_proba),
        ("predict_classes", predict_classes), ("to_yaml", gone("to_yaml", "write to_json().")),
    ),
    Layer: (
        ("add_update", add_update),
        ("set_input", gone("set_input", "begin the model with Input(tensor=...), or call the layer on the symbol.")),
    ),
    Optimizer: (
        ("lr", property(get_rate, set_rate)), ("get_updates", get_updates), ("get_gradients", get_gradients),
    ),
}  # fmt: skip
