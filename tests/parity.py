"""Compares one layer with the Keras layer of the same arguments.

    compare(lambda layers: layers.Dense(3, "tanh"), x)

`make` is called twice, with `fkeras.layers` and with `keras.layers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

import fkeras.layers
from fkeras import auxiliary, storey
from fkeras.masking import Masked, masks_of, values_of
from fkeras.spec import Spec

KEY = jax.random.key(0)
IGNORED = ("name", "build_config", "shared_object_id")  # in configs: what Keras numbers or adds by itself


def compare(
    make: Callable[[Any], Any], *inputs: Any, masks: Any = None, modes: tuple[bool, ...] | None = None,
    unknown: Any = ((0,),), rtol: float = 1e-4, atol: float = 1e-5, gradients: bool = True, configs: bool = True,
    **kwargs: Any,
) -> SimpleNamespace:  # fmt: skip
    """Asserts that a layer of ours and Keras' are the same: all of the laws below.

    inputs, kwargs: arrays, or nests of arrays, that both layers are called with.
    masks: a nest like `inputs`, of the masks that travel with them (None where there is none).
    modes: values of `training`; by default both, or one if our layer does not ask for it.
    unknown: for each spec to compare, the axes of the inputs whose size is not known.

    Returns (ours, theirs, params, state, outputs by mode) for further assertions.
    """
    ours, theirs = make(fkeras.layers), make(keras.layers)
    inputs = jax.tree.map(jnp.asarray, inputs)
    masks = jax.tree.map(jnp.asarray, masks)
    pair = SimpleNamespace(ours=ours, theirs=theirs)
    if configs:
        compare_configs(ours, theirs)
    theirs(*symbolic(inputs, masks, ()), **kwargs)  # builds it
    pair.params, pair.state = disturbed(ours.init(KEY, *with_masks(inputs, masks), **kwargs))
    compare_weights(ours, theirs, pair.params, pair.state)
    for axes in unknown:
        compare_specs(ours, theirs, inputs, masks, axes, kwargs)
    if modes is None:
        modes = (
            (False, True)
            if any("training" in part._wants or part.is_bound for part in storey.subtree(ours))
            else (True,)
        )
    pair.outputs = compare_values(ours, theirs, pair, inputs, masks, kwargs, modes, gradients, rtol, atol)
    return pair


# --- values ---------------------------------------------------------------------------------------


def compare_values(
    ours: Any, theirs: Any, pair: Any, inputs: Any, masks: Any, kwargs: Any, modes: Any, gradients: bool, rtol: float,
    atol: float,
) -> dict[bool, Any]:  # fmt: skip
    """Outputs, masks, losses, new state and gradients, for each value of `training`, in one program."""
    trained, others = [v.value for v in theirs.trainable_variables], [v.value for v in theirs.non_trainable_variables]
    shown = [v.name not in ("seed_generator_state",) for v in theirs.non_trainable_variables]
    floats, rebuild = split_floats(inputs)

    def run_ours(training: bool) -> Any:
        def run(params: Any, floats: Any) -> Any:
            y, state = ours.apply(
                params, pair.state, *with_masks(rebuild(floats), masks), rng=KEY, training=training, **kwargs
            )
            losses = ours.penalty(params) + auxiliary.aux_loss(state)
            left = [
                x
                for x, k in zip(storey.as_lists(ours, (params, state))[1], our_keys(ours), strict=True)
                if k not in storey.HIDDEN
            ]
            return probe(values_of(y)), (values_of(y), jax.tree.leaves(masks_of(y)), losses, left)

        value = (
            jax.grad(run, argnums=(0, 1), has_aux=True)(pair.params, floats)
            if gradients
            else ((None, None), run(pair.params, floats)[1])
        )
        (by_params, by_inputs), aux = value
        by_weights = storey.as_lists(ours, (by_params, pair.state))[0] if gradients else None
        return aux, by_weights, by_inputs

    def run_theirs(training: bool) -> Any:
        def run(trained: Any, floats: Any) -> Any:
            args = tag(rebuild(floats), masks)
            mode = {"training": training} if theirs._call_has_training_arg else {}
            y, new, losses = keras_call(theirs, trained, others, args, {**mode, **kwargs})
            found = [keras.src.backend.get_keras_mask(v) for v in jax.tree.leaves(y)]
            left = [x for x, s in zip(new, shown, strict=True) if s]
            return probe(y), (y, [m for m in found if m is not None], sum(losses, jnp.zeros(())), left)

        if not gradients:
            return run(trained, floats)[1], None, None
        (by_weights, by_inputs), aux = jax.grad(run, argnums=(0, 1), has_aux=True)(trained, floats)
        return aux, by_weights, by_inputs

    mine, keras_ = jax.jit(lambda: ([run_ours(t) for t in modes], [run_theirs(t) for t in modes]))()
    for training, a, b in zip(modes, mine, keras_, strict=True):
        (y, m, loss, left), (y_, m_, loss_, left_) = a[0], b[0]
        said = f"{ours!r}, training={training}"
        close(y, y_, rtol, atol, f"{said}: outputs")
        close(m, m_, 0, 0, f"{said}: masks")
        close([loss], [loss_], rtol, atol, f"{said}: losses")
        close(left, left_, rtol, atol, f"{said}: state")
        close(a[1], b[1], rtol, atol, f"{said}: gradients by weights")
        close(a[2], b[2], rtol, atol, f"{said}: gradients by inputs")
    return {t: a[0][0] for t, a in zip(modes, mine, strict=True)}


def keras_call(layer: Any, trained: Any, others: Any, args: Any, kwargs: Any) -> Any:
    """(outputs, non-trainable values, losses) of a whole call: `stateless_call` skips casts, masks and activity "
    "penalties."""
    mapping = [
        *zip(layer.trainable_variables, trained, strict=True),
        *zip(layer.non_trainable_variables, others, strict=True),
    ]
    with keras.StatelessScope(mapping, collect_losses=True) as scope:
        y = layer(*args, **kwargs)
        return y, [scope.get_current_value(v) for v in layer.non_trainable_variables], layer.losses


def probe(y: Any) -> Any:
    """A scalar that depends on every element of the outputs in its own way."""
    floats = [v for v in jax.tree.leaves(y) if jnp.issubdtype(v.dtype, jnp.floating)]
    return sum(
        (
            jnp.sum(v.astype(jnp.float32) * jnp.cos(jnp.arange(v.size, dtype=jnp.float32)).reshape(v.shape))
            for v in floats
        ),
        jnp.zeros(()),
    )


def close(ours: Any, theirs: Any, rtol: float, atol: float, said: str) -> None:
    """Asserts that two nests hold arrays of equal number, shape, dtype and values."""
    a, b = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(a) == len(b), f"{said}: {len(a)} arrays, Keras has {len(b)}"
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        assert (x.shape, x.dtype) == (y.shape, y.dtype), (
            f"{said} [{i}]: {x.dtype}{x.shape}, Keras has {y.dtype}{y.shape}"
        )
        x, y = (np.asarray(v.astype(jnp.float32) if v.dtype == jnp.bfloat16 else v) for v in (x, y))
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=f"{said} [{i}]")


def split_floats(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """The floating arrays of a nest, and the function that puts others in their place."""
    leaves, treedef = jax.tree.flatten(tree)
    is_float = [jnp.issubdtype(x.dtype, jnp.floating) for x in leaves]

    def rebuild(floats: Any) -> Any:
        given = iter(floats)
        return treedef.unflatten([next(given) if f else x for x, f in zip(leaves, is_float, strict=True)])

    return [x for x, f in zip(leaves, is_float, strict=True) if f], rebuild


# --- masks ----------------------------------------------------------------------------------------


def with_masks(inputs: Any, masks: Any) -> Any:
    """The inputs, each with its mask on."""
    return inputs if masks is None else merge(inputs, masks, lambda x, m: Masked(x, m))


def tag(inputs: Any, masks: Any) -> Any:
    """The inputs, with their masks where Keras keeps them."""

    def one(x: Any, m: Any) -> Any:
        x = x + 0 if not hasattr(x, "_keras_mask") else x
        keras.src.backend.set_keras_mask(x, m)
        return x

    return inputs if masks is None else merge(inputs, masks, one)


def merge(inputs: Any, masks: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Two nests as one, with None in the second for nothing."""
    if masks is None:
        return inputs
    if isinstance(inputs, (list, tuple)):
        return type(inputs)(merge(x, m, join) for x, m in zip(inputs, masks, strict=True))
    if isinstance(inputs, dict):
        return {k: merge(x, masks.get(k), join) for k, x in inputs.items()}
    return join(inputs, masks)


# --- weights --------------------------------------------------------------------------------------


def disturbed(values: Any) -> Any:
    """First values, moved a little upwards: so that no bias is zero and no scale is one."""
    rng = np.random.default_rng(0)

    def move(path: Any, w: Any) -> Any:
        hidden = getattr(path[-1], "key", None) in storey.HIDDEN
        return (
            w
            if hidden or not jnp.issubdtype(w.dtype, jnp.floating)
            else w + jnp.asarray(rng.uniform(0, 0.3, w.shape), w.dtype)
        )

    return jax.tree_util.tree_map_with_path(move, values)


def compare_weights(ours: Any, theirs: Any, params: Any, state: Any) -> None:
    """Names, shapes, dtypes and order of the weights; then Keras' get the values of ours."""
    storey.scatter(ours, (params, state))

    def table(layer: Any) -> list[Any]:
        return [(w.name, tuple(w.shape), str(w.dtype), bool(w.trainable)) for w in layer.weights]

    assert table(ours) == table(theirs), f"{ours!r}: weights {table(ours)}, Keras has {table(theirs)}"
    theirs.set_weights(ours.get_weights())


def our_keys(ours: Any) -> list[str]:
    """The entry of the state that each of the non-trainable values of `as_lists` comes from."""
    seen = {}
    for part, key, _ in storey.entries(ours):
        if not storey.is_trained(storey.handle(part, key)):
            seen[id(part), key] = key
    return list(seen.values())


# --- specs ----------------------------------------------------------------------------------------


def compare_specs(ours: Any, theirs: Any, inputs: Any, masks: Any, axes: tuple[int, ...], kwargs: Any) -> None:
    """Shapes and dtypes of the outputs where the sizes of some axes of the inputs are not known.

    Where Keras does not know a size, ours may.
    """

    def spec(x: Any) -> Spec:
        return Spec([None if i in axes else d for i, d in enumerate(x.shape)], x.dtype)

    mine = values_of(ours.output_spec(*with_masks(jax.tree.map(spec, inputs), jax.tree.map(spec, masks)), **kwargs))
    keras_ = theirs.compute_output_spec(*symbolic(inputs, masks, axes), **kwargs)
    a, b = ([(tuple(s.shape), str(s.dtype)) for s in keras.tree.flatten(t)] for t in (mine, keras_))
    said = f"{ours!r}: with axes {axes} unknown the output is {a}, Keras says {b}"
    assert [d for _, d in a] == [d for _, d in b] and [len(s) for s, _ in a] == [len(s) for s, _ in b], said
    assert all(n in (m, None) for (s, _), (t, _) in zip(a, b, strict=True) for m, n in zip(s, t, strict=True)), said


def symbolic(inputs: Any, masks: Any, axes: tuple[int, ...]) -> Any:
    """The inputs as Keras' symbols, some sizes unknown."""

    def one(x: Any) -> Any:
        return keras.KerasTensor([None if i in axes else d for i, d in enumerate(x.shape)], str(x.dtype))

    return tag_symbols(jax.tree.map(one, inputs), jax.tree.map(one, masks))


def tag_symbols(inputs: Any, masks: Any) -> Any:
    """Keras' symbols with their masks on."""

    def one(x: Any, m: Any) -> Any:
        keras.src.backend.set_keras_mask(x, m)
        return x

    return inputs if masks is None else merge(inputs, masks, one)


# --- configs --------------------------------------------------------------------------------------


def compare_configs(ours: Any, theirs: Any) -> None:
    """Equal configs; each side makes the same layer of the other's."""
    a, b = plain(ours.get_config()), plain(theirs.get_config())
    assert a == b, f"{ours!r}: config {difference(a, b)}"
    reread = plain(type(ours).from_config(json.loads(json.dumps(theirs.get_config()))).get_config())
    assert reread == b, f"{ours!r}: read from Keras' config {difference(reread, b)}"
    reread = plain(type(theirs).from_config(json.loads(json.dumps(ours.get_config()))).get_config())
    assert reread == b, f"{ours!r}: Keras reads our config as {difference(reread, b)}"


def plain(config: Any) -> Any:
    """A config without what is numbered automatically, with lists for tuples."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in IGNORED}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def difference(ours: Any, theirs: Any) -> str:
    """Where two configs differ."""
    keys = sorted({*ours, *theirs})
    return "; ".join(
        f"{k}: {ours.get(k, 'absent')!r}, Keras has {theirs.get(k, 'absent')!r}"
        for k in keys
        if ours.get(k, "") != theirs.get(k, "")
    )
