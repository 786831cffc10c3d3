"""Layers around a layer: `Wrapper`, `TimeDistributed`, `Bidirectional`."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import random, spec
from ..layer import Layer, shown
from ..masking import values_of
from .settings import check_choice


class Wrapper(Layer):
    """A layer that holds a layer: the base of those below, and of yours.

    A subclass calls `self.layer` in its `call`.

    >>> class Twice(Wrapper):
    ...     def call(self, x):
    ...         return self.layer(self.layer(x))
    >>> from fkeras.layers import Dense
    >>> Twice(Dense(3))(jnp.ones((2, 3))).shape
    (2, 3)
    """

    layer: Any

    is_bound = True  # its `call` is that of a subclass, which calls `self.layer`

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layer(self, "layer")


class TimeDistributed(Wrapper):
    """y[:, t] = layer(x[:, t]), with the same weights at every step t.

    Shapes: (b, t, ...) -> (b, t, ...).

    A layer that only maps its input runs on all steps at once; one that changes its state, as
    BatchNormalization does while training, sees one step after the other. Every step draws random
    numbers of its own. A mask (b, t, ...) is handed on step by step to a layer that takes one.

    Raises ValueError for a mask that does not begin with the same (b, t) as the input.

    >>> from fkeras.layers import Dense
    >>> TimeDistributed(Dense(3))(jnp.ones((2, 4, 5, 6))).shape
    (2, 4, 5, 3)
    """

    supports_masking = True
    is_bound = False
    rank: ClassVar[Any] = (3, None)

    def child_inputs(self, inputs: Any, **_: Any) -> dict[str, tuple[Any, ...]]:
        return {"layer": (jax.tree.map(one_step, inputs),)}

    def call(self, inputs: Any, *, params: Any, state: Any, rng: Any, training: bool, mask: Any) -> Any:
        self.check_mask(inputs, mask)
        mask = mask if takes_mask(self.layer) else None
        weights, before = params.get("layer", {}), state.get("layer", {})
        xs, masks = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), (inputs, mask))
        steps = jnp.arange(jax.tree.leaves(xs)[0].shape[0])

        def step(before: Any, now: Any) -> Any:
            x, m, t = now
            key = None if rng is None else jax.random.fold_in(rng, t)
            y, after = self.layer.apply(weights, before, x, rng=key, training=training, mask=m)
            return after, values_of(y)

        if keeps_state(step, before, (xs, masks, steps)):
            after, ys = before, jax.vmap(lambda now: step(before, now)[1])((xs, masks, steps))
        else:
            after, ys = jax.lax.scan(step, before, (xs, masks, steps))
        ys = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), ys)
        return ys, {**state, "layer": after} if after else state

    def check_mask(self, inputs: Any, mask: Any) -> None:
        """Refuses a mask that does not go with the steps of the input."""
        x = jax.tree.leaves(inputs)[0]
        if mask is not None and tuple(jnp.shape(mask)[:2]) != tuple(x.shape[:2]):
            raise ValueError(
                f"{self!r} expects a mask whose shape begins with {shown(x.shape[:2])}; got {shown(jnp.shape(mask))}."
            )


class Bidirectional(Layer):
    """A recurrent layer, and one like it that runs backwards; their outputs are merged.

    Shapes: (b, t, n) -> (b, 2 units), or (b, t, 2 units) if the layer returns sequences.

    layer: an `RNN`, `LSTM`, `GRU`, ..., or a layer with the settings `go_backwards`,
        `return_sequences`, `return_state` and `stateful`; this one is copied.
    merge_mode: "concat", "sum", "mul", "ave", or None for both outputs by themselves.
    backward_layer: the layer to run backwards; by default the layer with `go_backwards=True`.

    Of `initial_state` the first half goes forward, the second backward; with return_state the
    states of both follow the output. Where sequences are returned, masked steps are zero.

    Raises ValueError for layers that do not go together.

    Source: Schuster & Paliwal 1997, https://doi.org/10.1109/78.650093

    >>> from fkeras.layers import LSTM
    >>> Bidirectional(LSTM(3))(jnp.ones((2, 4, 5))).shape
    (2, 6)
    """

    layer: Any
    merge_mode: str | None = "concat"
    _: dataclasses.KW_ONLY
    backward_layer: Any = dataclasses.field(default=None, repr=False)

    follows = {"weights": "merge_mode", "backward_layer": "weights"}
    behind = ("mask", "training")
    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layer(self, "layer")
        check_choice(self, "merge_mode", ("sum", "mul", "ave", "concat", None))
        for name in ("go_backwards", "return_sequences", "return_state", "stateful"):
            if not hasattr(self.layer, name):
                raise ValueError(f"Bidirectional takes a recurrent layer; {self.layer!r} has no setting {name!r}.")
        has_zero = hasattr(self.layer, "zero_output_for_mask")
        zero = {"zero_output_for_mask": self.layer.return_sequences} if has_zero else {}
        stem = self.layer.name.removeprefix("forward_")
        forward = self.layer.replace(name=f"forward_{stem}", **zero)
        if self.backward_layer is None:
            stem = self.layer.name.removeprefix("backward_")
            backward = self.layer.replace(name=f"backward_{stem}", go_backwards=True, **zero)
        else:
            check_layer(self, "backward_layer")
            backward = self.backward_layer
            for name, value in zero.items():
                setattr(backward, name, value)
        for name, value in (("layer", forward), ("forward_layer", forward), ("backward_layer", backward)):
            object.__setattr__(self, name, value)
        self.check_pair()

    def check_pair(self) -> None:
        """Refuses two layers that do not run opposite ways, or return different things."""
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                "Bidirectional: one of the layers must have go_backwards=True and the other False; "
                f"got {one!r} and {other!r}."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise ValueError(f"Bidirectional: both layers need the same {name}; got {one!r} and {other!r}.")

    children = property(lambda self: {n: vars(self)[n] for n in ("forward_layer", "backward_layer") if n in vars(self)})  # type: ignore[assignment]
    return_sequences = property(lambda self: self.forward_layer.return_sequences)
    return_state = property(lambda self: self.forward_layer.return_state)
    stateful = property(lambda self: self.forward_layer.stateful)

    # --- the pair --------------------------------------------------------------------------------

    def child_inputs(self, sequences: Any, *_: Any, **__: Any) -> dict[str, tuple[Any, ...]]:
        return dict.fromkeys(self.children, (sequences,))

    def _given(self, params: Any) -> Any:
        for i, layer in enumerate(self.children.values()):
            if (given := self._face.given) is not None:
                half = len(given) // 2
                layer._face.given = given[i * half : (i + 1) * half]
        return params

    def call(
        self, sequences: Any, initial_state: Any = None, *, params: Any, state: Any, rng: Any, training: bool, mask: Any
    ) -> Any:
        outputs, states, state = [], [], dict(state)
        for (name, layer), first in zip(self.children.items(), self.halves(initial_state), strict=True):
            key = None if rng is None else random.fold(rng, name)
            given = {} if first is None else {"initial_state": first}
            values = params.get(name, {}), state.get(name, {})
            out, new = layer.apply(*values, sequences, rng=key, training=training, mask=mask, **given)
            y, *last = values_of(out) if self.return_state else (values_of(out),)
            outputs.append(y.astype(self.compute_dtype))
            states += last
            state.update({name: new} if new else {})
        y = self.merge(*outputs)
        if self.return_state:
            y = (*y, *states) if self.merge_mode is None else (y, *states)
        return y, state

    def halves(self, states: Any) -> tuple[Any, Any]:
        """The states to begin with, for either way."""
        if states is None:
            return None, None
        if not isinstance(states, (list, tuple)) or len(states) % 2 or not states:
            got = f"{len(states)} of them" if isinstance(states, (list, tuple)) else "one array"
            raise ValueError(
                f"{self!r} takes initial_state as a list: the states of the forward layer, then as many of the "
                f"backward one; got {got}."
            )
        half = len(states) // 2
        return list(states[:half]), list(states[half:])

    def merge(self, forward: Any, backward: Any) -> Any:
        """The two outputs as one, or as a pair."""
        backward = jnp.flip(backward, 1) if self.return_sequences else backward
        match self.merge_mode:
            case "concat":
                return jnp.concatenate([forward, backward], -1)
            case "sum":
                return forward + backward
            case "ave":
                return (forward + backward) / 2
            case "mul":
                return forward * backward
        return forward, backward

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the inputs for sequences of outputs; none for states."""
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        if not self.return_sequences or mask is None:
            return None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        masks += [None] * (2 * len(self.forward_layer.state_size) if self.return_state else 0)
        return masks if len(masks) > 1 else mask

    # --- states ------------------------------------------------------------------------------------

    @property
    def states(self) -> Any:
        """The states in which the last call of stateful layers ended, or None."""
        one, other = self.forward_layer.states, self.backward_layer.states
        return None if one is None or other is None else (*one, *other)

    def reset_state(self) -> None:
        """Sets the states of stateful layers back to zero."""
        if not self.stateful:
            raise AttributeError(f"{self!r} has no states to reset: its layers are not stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state


def check_layer(owner: Any, name: str) -> None:
    """Refuses what is no layer."""
    value = getattr(owner, name)
    if not isinstance(value, Layer):
        hint = f" Write {value.__name__}(...), not {value.__name__}." if isinstance(value, type) else ""
        raise ValueError(f"{type(owner).__name__}: {name} must be a layer; got {value!r}.{hint}")


def one_step(x: Any) -> Any:
    """The spec of x[:, 0]."""
    shape = (x.shape[0], *x.shape[2:])
    return spec.Spec(shape, x.dtype) if None in shape else spec.SDS(shape, x.dtype)


def takes_mask(layer: Any) -> bool:
    """Whether an explicit mask is of use to a layer: its `call` names one, or it hands it on."""
    return "mask" in layer._wants or hasattr(layer, "walk")


def keeps_state(step: Any, state: Any, xs: Any) -> bool:
    """Whether a step hands its state through untouched, so that the steps need not wait for each other."""
    found = []

    def probe(now: Any) -> Any:
        after, y = step(state, now)
        old, new = jax.tree.leaves(state), jax.tree.leaves(after)
        found.append(len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True)))
        return y

    jax.eval_shape(probe, jax.tree.map(lambda a: spec.SDS(a.shape[1:], a.dtype), xs))
    return found[-1]
