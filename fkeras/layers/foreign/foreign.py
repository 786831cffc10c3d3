"""What layers around foreign code have in common: values in any pytree, first values from a function."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import arguments, random, spec, storey
from ...layer import Layer
from .form import Form


class _Forms:
    """The forms of params and state, known once the layer was initialised or applied."""

    def __init__(self) -> None:
        self.params, self.state = Form(), Form()

    def fingerprint_parts(self) -> Any:
        """Nothing: they follow from the settings."""
        return ()

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce__(self) -> Any:
        return _nothing, ()


def _nothing() -> None:
    return None


class Foreign(Layer):
    """The base of layers whose values are pytrees of another library.

    A subclass writes `first(rng, inputs) -> (params, state)`, `compute(params, state, rng, inputs, training) ->
    (outputs, state)`, and says in `given` which values it was made with. Here the pytrees become flat dicts: the
    floats of `params` are trained, everything else is state.
    """

    holds_user_code: ClassVar[bool] = True
    _forms: ClassVar[Any] = None  # an instance notes its own

    given: ClassVar[Any] = property(lambda self: None)

    def first(self, rng: Any, inputs: Any) -> tuple[Any, Any]:
        """(params, state) to begin with, as the library makes them."""
        raise NotImplementedError

    def compute(self, params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        """(outputs, state)."""
        raise NotImplementedError

    # --- values ----------------------------------------------------------------------------------

    def _draw(self, forms: _Forms, rng: Any, inputs: Any) -> storey.Values:
        """(params, state) as flat dicts; notes their forms."""
        params, state = self.first(rng, jax.tree.map(_stand_in, inputs))
        named = forms.params.take_apart(params)
        held = forms.state.take_apart(state, taken=named)
        to = self.dtype_policy.variable_dtype

        def kept(x: Any) -> Any:
            return jnp.asarray(x, to) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.asarray(x)

        trained = {n: kept(x) for n, x in named.items() if jnp.issubdtype(x.dtype, jnp.floating)}
        return trained, {n: kept(x) for n, x in {**named, **held}.items() if n not in trained}

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        inputs, kwargs = arguments.put_in_place(self, inputs, kwargs)
        params, state = super().init(rng, *inputs, **kwargs)
        forms, x = _Forms(), storey.specs_of(inputs[0])
        key = None if rng is None else random.fold(rng, "values")
        draw = (
            jax.jit(lambda key: self._draw(forms, key, x)) if self.given is None else lambda k: self._draw(forms, k, x)
        )
        own, held = draw(key)
        object.__setattr__(self, "_forms", forms)
        order = [form.name for half in (forms.params, forms.state) for form in half.leaves if form.name is not None]
        self._face.declared = {n: storey.Declared(n in own) for n in order}
        return {**params, **{n: own[n] for n in order if n in own}}, {
            **{n: held[n] for n in order if n in held},
            **state,
        }

    def call(self, inputs: Any, *, params: Any, state: Any, rng: Any, training: bool) -> Any:
        forms = self._forms
        if forms is None:
            forms = _Forms()
            jax.eval_shape(lambda key: self._draw(forms, key, storey.specs_of(inputs)), spec.key_spec())
            object.__setattr__(self, "_forms", forms)
        values = self._cast_inputs({**params, **state})
        halves = [half.put_together(values) for half in (forms.params, forms.state)]
        y, new = self.compute(halves[0], halves[1], rng if training else None, inputs, training)
        after = forms.state.flat(new)
        if after is None:
            raise ValueError(
                f"{self!r} began with a state of the form {forms.state.treedef} and returned "
                f"{jax.tree.structure(new)}; the form must stay the same."
            )
        return y, {**state, **{n: jnp.asarray(x, state[n].dtype) for n, x in after.items()}}

    def __deepcopy__(self, memo: Any) -> Any:
        shared = {id(x): x for x in jax.tree.leaves(self.given) if isinstance(x, jax.Array)}  # arrays never change
        memo.update(shared)
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(self.__getstate__(), memo))
        return twin


def _stand_in(x: Any) -> Any:
    """An array for a spec: ones, one of each where a size is not known."""
    return jnp.ones([1 if d is None else d for d in x.shape], x.dtype) if hasattr(x, "shape") else x
