"""The fast form of attention is the definition, under every transformation."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fkeras import attention, parts

RNG = np.random.default_rng(0)


def floats(*shape, dtype="float32"):
    return jnp.asarray(RNG.normal(size=shape), dtype)


CASES = {  # bias, mask, scale, causal
    "bare": (None, None, None, False),
    "causal": (None, None, 0.3, True),
    "masked": (None, RNG.random((2, 1, 5, 7)) > 0.3, None, False),
    "one row sees nothing": (None, (np.arange(5)[:, None] != np.full(7, 2))[None, None], None, False),
    "bias, mask, causal": (floats(1, 4, 5, 7), RNG.random((2, 4, 1, 7)) > 0.3, 2.0, True),
}


def arrays(dtype="float32", heads=4):
    return floats(2, 5, 4, 3, dtype=dtype), floats(2, 7, heads, 3, dtype=dtype), floats(2, 7, heads, 3, dtype=dtype)


def everything(form, q, k, v, bias, mask, scale, causal):
    def f(q, k, v):
        return form(q, k, v, bias, mask, scale, causal)

    def gradients(q, k, v):
        return jax.grad(lambda *a: jnp.sum(jnp.sin(f(*a))), argnums=(0, 1, 2))(q, k, v)

    tangents = jnp.cos(q), jnp.sin(k), jnp.cos(v)
    return {
        "value": f(q, k, v),
        "gradients": gradients(q, k, v),
        "jvp": jax.jvp(f, (q, k, v), tangents)[1],
        "forward over reverse": jax.jvp(gradients, (q, k, v), tangents)[1],
        "vmap": jax.vmap(f, (0, None, None))(jnp.stack([q, 2 * q]), k, v),
    }


@pytest.mark.parametrize("heads", [4, 2])
@pytest.mark.parametrize("name", CASES)
def test_forms_are_equal(name, heads):
    given = arrays(heads=heads)
    tuned, plain = (
        jax.jit(lambda *a, form=form: everything(form, *a, *CASES[name]))(*given)
        for form in (attention.folded, attention.plain)
    )
    chex.assert_trees_all_close(tuned, plain, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_long_sequences_go_over_parts_of_the_batch(name, monkeypatch):
    monkeypatch.setattr(attention, "MANY", 0)
    monkeypatch.setattr(parts, "CACHED", 4 * 5 * 7 * 4)  # one example
    given = arrays(heads=2)
    assert "length=2" in str(jax.make_jaxpr(lambda *a: attention.folded(*a, *CASES[name]))(*given))
    tuned, plain = (
        jax.jit(lambda *a, form=form: everything(form, *a, *CASES[name]))(*given)
        for form in (attention.folded, attention.plain)
    )
    chex.assert_trees_all_close(tuned, plain, atol=2e-5, rtol=1e-4)


def test_memory_does_not_grow_with_the_batch():
    def peak(batch):
        x = jax.ShapeDtypeStruct((batch, 1024, 2, 8), jnp.float32)
        run = jax.jit(jax.grad(lambda x: jnp.sum(attention.folded(x, x, x, None, None, None, True))))
        return run.lower(x).compile().memory_analysis().temp_size_in_bytes

    assert peak(32) < 1.5 * peak(8) + 64 * 1024 * 2 * 8 * 4 * 8  # not four times; a few arrays like the inputs


def test_bfloat16():
    q, k, v = arrays("bfloat16")
    y = jax.jit(lambda *a: attention.folded(*a, None, None, None, True))(q, k, v)
    exact = attention.plain(*(x.astype("float32") for x in (q, k, v)), None, None, None, True)
    assert y.dtype == jnp.bfloat16
    chex.assert_trees_all_close(y.astype("float32"), exact, atol=0.03)


def test_large_logits_stay_finite():
    q, k, v = (1e3 * x for x in arrays())
    form = jax.jit(lambda *a: jax.grad(lambda *b: attention.folded(*b, None, None, 1.0, False).sum())(*a))
    chex.assert_tree_all_finite(form(q, k, v))


def test_shapes_that_do_not_go_together_are_refused():
    q, k, v = arrays()
    with pytest.raises(ValueError, match="multiple of the others"):
        attention.attend(q, k[:, :, :3], v[:, :, :3], None, None, None, False, False)
