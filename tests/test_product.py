"""The two forms of a product with weights are one function, under every transformation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from fkeras import forms, layers, product

SHAPES = {
    "steps": ("abc,cd->abd", (3, 4, 5), (5, 6)),
    "heads": ("...x,xyz->...yz", (3, 4, 5), (5, 2, 6)),
    "two axes": ("...yz,yza->...a", (3, 4, 2, 5), (2, 5, 6)),
    "one row": ("abc,cd->abd", (1, 1, 5), (5, 1)),
    "nothing": ("abc,cd->abd", (0, 4, 5), (5, 6)),
    "images": ("abcd,de->abce", (2, 3, 4, 5), (5, 6)),
}


def turned(f):
    """Values, gradients, a directional derivative and one of a gradient, with each array vmapped over as well."""

    def all_of(x, w):
        def loss(x, w):
            return jnp.sum(jnp.sin(f(x, w)))

        grad = jax.grad(loss, (0, 1))
        move = (jnp.cos(x), jnp.cos(w))
        several = jax.vmap(f, (None, 0))(x, jnp.stack([w, 2 * w])), jax.vmap(f, (0, None))(jnp.stack([x, 2 * x]), w)
        return f(x, w), grad(x, w), jax.jvp(f, (x, w), move)[1], jax.jvp(grad, (x, w), move)[1], several

    return all_of


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SHAPES)
def test_forms_are_equal(name, dtype, rng):
    equation, *shapes = SHAPES[name]
    x, w = (jnp.asarray(rng.normal(size=s), dtype) for s in shapes)
    with forms.plain():
        expected = jax.jit(turned(lambda x, w: product.einsum(equation, x, w)))(x, w)
    found = jax.jit(turned(lambda x, w: product.einsum(equation, x, w)))(x, w)
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 0.05, "atol": 0.1}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a.astype("f4"), b.astype("f4"), **close), found, expected)
    assert found[0].dtype == dtype
    if len(shapes[1]) == 2:
        np.testing.assert_array_equal(product.matmul(x, w), found[0])


def test_no_axes_are_summed_in_pairs():
    """The gradient by the weights is a product of two matrices: nothing of x is laid out anew."""
    x, w = jnp.ones((3, 4, 5)), jnp.ones((5, 6))
    grad = jax.make_jaxpr(jax.grad(lambda w: product.matmul(x, w).sum()))(w)
    sums = [e.params["dimension_numbers"][0] for e in grad.eqns if e.primitive.name == "dot_general"]
    assert sums and all(len(axes) == 1 for pair in sums for axes in pair)


@pytest.mark.parametrize("equation", ["ab,cb->ac", "abc,abc->ab", "aab,bc->aac", "abc,cd->adb", "abc,dc->abd"])
def test_other_equations_are_left_alone(equation):
    assert product.summed(equation) == 0


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(TypeError, match=r"\(2, 3, 4\)|4.*5|contract"):
        product.matmul(jnp.ones((2, 3, 4)), jnp.ones((5, 6)))


@pytest.mark.parametrize("layer", [layers.Dense(6), layers.EinsumDense("abc,cde->abde", (None, 2, 3)), layers.LSTM(3)])
def test_sizes_may_be_symbols(layer, key):
    params, state = layer.init(key, jnp.ones((2, 4, 5)))
    sizes = export.symbolic_shape("b, t")
    run = export.export(jax.jit(lambda x: layer.apply(params, state, x)[0]))(
        jax.ShapeDtypeStruct((*sizes, 5), jnp.float32)
    )
    x = jnp.ones((3, 7, 5))
    np.testing.assert_allclose(run.call(x), layer.apply(params, state, x)[0], rtol=1e-5)
