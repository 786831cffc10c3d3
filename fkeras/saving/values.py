"""The values of a model into a file and out of it: all of them, or nothing has happened."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import facade, random, spec, stored, storey
from ..optimizers import Optimizer
from ..train.optimizing import align
from ..train.step import split
from . import slots
from .errors import UnsafeModelError
from .store import Entry, Source
from .walk import saveables

ROOM = 1 << 26  # bytes of values that a file need not hold: states of recurrent layers, seeds

Failure = tuple[str, Any, Exception]


# --- writing -----------------------------------------------------------------------------------


def collect(model: Any, skip: Any = ()) -> dict[str, Entry]:
    """What a model, its layers and its optimizer put into a file, by path; all of one moment."""
    facade.ensure(model)
    entries: dict[str, Entry] = {}
    with storey.holding(storey.runs(model)):
        for optimizer in optimizers(model):
            align(optimizer, model)
        for path, part in saveables(model, skip):
            entry = Entry(part.name if isinstance(part.name, str) else None)
            part.save_own_variables(entry.arrays)
            entry.arrays = {k: np.asarray(v) for k, v in entry.arrays.items()}
            entries[path] = entry
            seed = None if isinstance(part, Optimizer) else own_seed(part)
            if seed is not None:
                entries[f"{path}/seed_generator"] = Entry("seed_generator", {"0": np.asarray(seed)})
    return entries


def own_seed(layer: Any) -> Any:
    """The state of a layer's seed generator, if it has one."""
    own = storey.own_values(layer)
    return None if own is None else own[1].get("seed_generator")


# --- reading -----------------------------------------------------------------------------------


def load(model: Any, source: Source, skip_mismatch: bool = False, skip: Any = ()) -> None:
    """Gives a model the values in a file: its layers, and its optimizer if it has one.

    skip_mismatch: leave the values of layers that do not fit, with a warning.
    Raises ValueError, and changes nothing, if something does not fit.
    """
    with storey.holding(storey.runs(model)), unchanged_on_error(model):
        if skip_mismatch or list(skip):
            facade.ensure(model)
        else:
            fill_abstractly(model)
        parts = list(saveables(model, skip))
        layers = [(p, x) for p, x in parts if not isinstance(x, Optimizer)]
        failures = check(layers, source)
        refuse(failures, model, source, skip_mismatch)
        left_out = {id(x) for _, x, _ in failures}
        late = load_each([(p, x) for p, x in layers if id(x) not in left_out], source)
        refuse(late, model, source, skip_mismatch)
        complete(model, source)
        load_optimizer(model, [(p, x) for p, x in parts if isinstance(x, Optimizer)], source)


def check(parts: list[tuple[str, Any]], source: Source) -> list[Failure]:
    """The layers that the file does not fit, found from the shapes alone."""
    failures: list[Failure] = []
    for path, part in parts:
        if type(part).load_own_variables is not stored.Stored.load_own_variables:
            continue  # it knows itself what it needs
        store, keys = source.store(path), stored.own_keys(part)
        try:
            stored.check_count(part, keys, store)
            for i, key in enumerate(keys):
                if str(i) not in store:
                    raise ValueError(f"the file holds no {i} for its {key}")
                want = tuple(stored.value_of(part, key).shape)
                if store.shape(str(i)) != want:
                    raise ValueError(f"its {key} has shape {want}, the file holds one of shape {store.shape(str(i))}")
        except ValueError as error:
            failures.append((path, part, error))
    return failures


def load_each(parts: list[tuple[str, Any]], source: Source) -> list[Failure]:
    """Lets each object take its values; returns those that could not."""
    failures: list[Failure] = []
    for path, part in parts:
        try:
            part.load_own_variables(source.store(path))
        except Exception as error:  # also of the user's own classes
            failures.append((path, part, error))
            continue
        seed = source.store(f"{path}/seed_generator")
        if own_seed(part) is not None and seed.datasets.get("0") is not None and seed.shape("0") == (2,):
            part._face.values[1]["seed_generator"] = jnp.asarray(seed["0"], jnp.uint32)
    return failures


def refuse(failures: list[Failure], model: Any, source: Source, skip_mismatch: bool) -> None:
    """Raises, or warns of, what does not fit."""
    if not failures:
        return
    told = [f"{x!r} ({x.name!r}, at {p or 'the root'}): {e}" for p, x, e in failures]
    more = f"; and {len(told) - 4} more" if len(told) > 4 else ""
    said = f"{source.place}: the weights of {len(told)} layers do not fit: {'; '.join(told[:4])}{more}."
    if skip_mismatch:
        warnings.warn(f"{said} They keep the values they had.", stacklevel=5)
        return
    raise ValueError(f"{said} Nothing was loaded. skip_mismatch=True loads what fits.") from failures[0][2]


@contextlib.contextmanager
def unchanged_on_error(model: Any) -> Iterator[None]:
    """Puts back all values if something goes wrong within."""
    before = []
    for part in storey.subtree(model):
        values = storey.own_values(part)
        kept = None if values is None else (dict(values[0]), dict(values[1]))
        before.append((part, kept, part._face.filled, part.built))
    optimizer = getattr(model, "optimizer", None)
    state = optimizer.state if isinstance(optimizer, Optimizer) else None
    try:
        yield
    except BaseException:
        for part, values, filled, built in before:
            part._face.values, part._face.filled = values, filled
            object.__setattr__(part, "built", built)
        if isinstance(optimizer, Optimizer):
            optimizer.state = state
        raise


# --- shapes before values ------------------------------------------------------------------------


def fill_abstractly(model: Any) -> None:
    """Puts specs in the place of values that the model has not got yet; nothing is drawn or allocated."""
    if model._face.filled:
        return
    known = model._face.specs or model._known_specs()
    if known is None:
        if model._face.declared and not model.builds and not model.children:
            return
        raise ValueError(
            f"{model!r} has no weights yet, since it does not know the shape of its inputs: "
            "call it on data, or build(input_shape), before weights are loaded."
        )
    args, kwargs = storey.specs_of(known)
    kwargs = {k: v for k, v in kwargs.items() if k != "training"}
    facade.build_sublayers(model, args, kwargs)

    def init(rng: Any, args: Any, kwargs: Any) -> Any:
        return model.init(rng, *args, **kwargs)

    storey.scatter(model, spec.infer(init, spec.key_spec(), args, kwargs), replace=False)
    model._face.specs = (args, kwargs)


def complete(model: Any, source: Source) -> None:
    """Values for what files do not hold: carries, auxiliary losses, seeds; refused if a weight is missing."""
    boxes = [(part, half) for part in storey.subtree(model) for half in part._face.values or ()]
    missing = [(part, half, key) for part, half in boxes for key, x in half.items() if is_abstract(x)]
    room = sum(math.prod(s.shape) * s.dtype.itemsize for _, half, k in missing for s in specs(half[k]))
    if room > ROOM:
        raise UnsafeModelError(f"a model that needs {room} bytes beside the weights in the file", source.place)
    for part, half, key in missing:
        if key == "seed_generator":
            half[key] = jnp.asarray(random.seed_state(part.seed))
        elif key in storey.HIDDEN or isinstance(half[key], (list, tuple, dict)):
            half[key] = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), half[key])
        else:
            raise ValueError(f"{source.place}: there is no value for {key!r} of {part!r} ({part.name!r}).")


def specs(value: Any) -> list[Any]:
    """The specs in an entry of a box."""
    return [s for s in jax.tree.leaves(value) if isinstance(s, spec.Spec)]


def is_abstract(value: Any) -> bool:
    """Whether an entry of a box still holds specs."""
    return bool(specs(value))


# --- optimizers ----------------------------------------------------------------------------------


def optimizers(model: Any) -> list[Any]:
    """The optimizer of a model, if it is one of ours."""
    optimizer = getattr(model, "optimizer", None)
    return [optimizer] if isinstance(optimizer, Optimizer) else []


def load_optimizer(model: Any, parts: list[tuple[str, Any]], source: Source) -> None:
    """Gives an optimizer, and those in it, what the file holds."""
    for path, optimizer in parts:
        store = source.store(path)
        if store and optimizer is model.optimizer:
            load_one_optimizer(model, optimizer, store, source.place)


def load_one_optimizer(model: Any, optimizer: Any, store: Any, place: str, names: Any = ()) -> None:
    """Gives an optimizer what it remembered; builds it if it had taken a step.

    names: of the arrays in an `.h5` file of Keras 2.
    """
    held = [store.shape(str(i)) if str(i) in store else None for i in range(len(store))]
    if not optimizer.built and (len(held) > len(optimizer.variables) or any(held)):
        params, _ = facade.gather(model)
        optimizer.prepare(split(model.trainable_mask(params), params)[0])
    align(optimizer, model)
    variables = optimizer.variables
    if (names or len(variables) != len(held)) and not optimizer.is_custom:
        found = slots.matched(variables, [tuple(w.shape) for w in model.trainable_weights], held, names)
        if found is not None:
            for i, variable in enumerate(found):
                if variable is not None:
                    variable.assign(np.asarray(store[str(i)]))
            return
    if len(variables) == len(held):
        for variable, shape in zip(variables, held, strict=True):
            if tuple(variable.shape) != shape:
                raise ValueError(
                    f"{place}: {optimizer!r} keeps {variable.path} of shape {tuple(variable.shape)}; the file holds "
                    f"one of shape {shape}. Nothing was loaded."
                )
    optimizer.load_own_variables(store)
