"""Convolutions of arrays: every fast form is the definition, under every transformation."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from jax import export

from fkeras import convolve, forms, parts

RNG = np.random.default_rng(0)
CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


# --- forms ------------------------------------------------------------------------------------------

#       x, kernel, strides, dilation, padding: each runs in the form after which it is called
FORMS = {
    "patches": ((2, 6, 5, 3), (3, 2, 3, 4), 1, 1, "same"),
    "patches_strided": ((2, 9, 3), (3, 3, 4), 2, 1, "valid"),
    "patches_dilated": ((2, 7, 6, 2), (2, 3, 2, 3), 1, 2, "same"),
    "patches_one_by_one": ((2, 5, 4, 6), (1, 1, 6, 3), 2, 1, "valid"),
    "patches_3d": ((2, 4, 3, 5, 2), (2, 2, 3, 2, 3), 1, 1, "same"),
    "rows": ((2, 6, 5, 6), (3, 2, 6, 4), 1, 1, "valid"),
    "rows_strided": ((2, 7, 6, 5), (3, 2, 5, 4), (2, 3), 1, "same"),
    "rows_dilated": ((2, 9, 6), (3, 6, 4), 1, 2, "same"),
    "rows_both": ((2, 9, 6), (3, 6, 4), 2, 2, "valid"),
    "rows_3d": ((2, 4, 5, 4, 5), (3, 2, 3, 5, 3), (1, 2, 1), 1, "same"),
    "rows_3d_dilated": ((2, 6, 5, 4, 5), (3, 2, 2, 5, 3), 1, (2, 1, 1), "valid"),
    "grouped": ((2, 6, 5, 12), (3, 2, 6, 4), 1, 1, "same"),
    "grouped_few": ((2, 6, 5, 6), (3, 3, 2, 9), 2, 1, "same"),
    "depthwise_taps": ((2, 6, 5, 3), (3, 2, 1, 6), 1, 1, "same"),
    "depthwise_taps_strided": ((2, 9, 4), (3, 1, 4), 3, 1, "valid"),
}

TRANSPOSED = {
    "1d": ((2, 5, 4), (3, 3, 4), 2, 1, "same", None),
    "2d": ((2, 4, 3, 3), (3, 4, 2, 3), (2, 3), 1, "valid", None),
    "2d_more": ((2, 4, 3, 3), (3, 2, 2, 3), 2, 1, "same", 1),
    "2d_sparse": ((2, 4, 3, 3), (1, 2, 2, 3), 3, 1, "valid", (2, 0)),
    "2d_dilated": ((2, 4, 3, 3), (3, 2, 2, 3), 1, 2, "same", None),
    "3d": ((2, 3, 2, 3, 3), (3, 2, 2, 2, 3), 2, 1, "same", None),
    "3d_dilated": ((2, 3, 2, 3, 3), (2, 3, 2, 2, 3), 1, (2, 1, 1), "valid", None),
}


def everything(f, x, kernel):
    """Values, both gradients, jvp, second derivatives in both orders, and batches of one argument or both."""
    tangents = jnp.cos(x), jnp.sin(kernel)

    def gradients(x, kernel):
        return jax.grad(lambda *a: jnp.sum(jnp.sin(f(*a))), argnums=(0, 1))(x, kernel)

    def steepness(x, kernel):
        return sum(jnp.sum(jnp.cos(g)) for g in gradients(x, kernel))

    pair = jnp.stack([x, 2 * x]), jnp.stack([kernel, kernel + 1])
    return {
        "value": f(x, kernel),
        "gradients": gradients(x, kernel),
        "jvp": jax.jvp(f, (x, kernel), tangents)[1],
        "forward over reverse": jax.jvp(gradients, (x, kernel), tangents)[1],
        "reverse over reverse": jax.grad(steepness, argnums=(0, 1))(x, kernel),
        "vmap": jax.vmap(f)(*pair),
        "vmap over kernels": jax.vmap(gradients, (None, 0))(x, pair[1]),
        "scan": jax.lax.scan(lambda k, _: (k - 0.1 * gradients(x, k)[1], None), kernel, None, length=2)[0],
    }


def assert_equal_forms(f, x, kernel):
    """The form chosen here gives what the plain one gives."""
    tuned = jax.jit(lambda: everything(f, x, kernel), compiler_options=CHEAP)()
    with forms.plain():
        plain = jax.jit(lambda: everything(f, x, kernel), compiler_options=CHEAP)()
    for what in plain:
        scale = 1 + max(float(jnp.abs(v).max()) for v in jax.tree.leaves(plain[what]))
        chex.assert_trees_all_close(tuned[what], plain[what], atol=2e-5 * scale, rtol=0, custom_message=what)


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_equal(name):
    shape, window, strides, dilation, padding = FORMS[name]
    x, kernel = jnp.asarray(floats(*shape)), jnp.asarray(floats(*window))
    chosen = convolve.form_of(x, kernel, shape[-1] // window[-2], "channels_last")
    if chosen is convolve.mixed:
        chosen = convolve.product_of(x, kernel)
    assert name.startswith(chosen.__name__)
    assert_equal_forms(lambda x, k: convolve.conv(x, k, strides, padding, None, dilation), x, kernel)


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_forms_are_equal(name):
    shape, window, strides, dilation, padding, more = TRANSPOSED[name]
    x, kernel = jnp.asarray(floats(*shape)), jnp.asarray(floats(*window))
    assert_equal_forms(lambda x, k: convolve.conv_transpose(x, k, strides, padding, more, None, dilation), x, kernel)


def test_the_form_can_be_forced(monkeypatch):
    x, kernel = jnp.zeros((2, 6, 5, 3)), jnp.zeros((3, 3, 3, 4))
    assert forms.platform() == "cpu" and convolve.form_of(x, kernel, 1, "channels_last") is convolve.mixed
    with forms.plain():
        assert convolve.form_of(x, kernel, 1, "channels_last") is convolve.lax_form
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert convolve.form_of(x, kernel, 1, "channels_last") is convolve.lax_form
    with jax.default_device(jax.devices("cpu")[0]):
        assert convolve.form_of(x, kernel, 1, "channels_last") is convolve.mixed


def count(jaxpr, name):
    """How many times an operation stands in a program."""
    found = 0
    for eqn in jaxpr.eqns:
        found += eqn.primitive.name == name
        for inner in jax.tree.leaves(tuple(eqn.params.values()), is_leaf=lambda v: hasattr(v, "eqns")):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                found += count(getattr(inner, "jaxpr", inner), name)
    return found


@pytest.mark.parametrize(("transposed", "convolutions", "products"), [(False, 4, 6), (True, 4, 6)])
def test_strides_are_taken_apart(transposed, convolutions, products):
    """No convolution has strides, or gaps; the gradient by the kernel is made of products."""
    x, kernel = jnp.zeros((2, 8, 8, 6)), jnp.zeros((3, 3, 6, 6))
    f = convolve.conv_transpose if transposed else convolve.conv
    gradient = jax.grad(lambda x, k: jnp.sum(jnp.sin(f(x, k, 2, "same"))), argnums=(0, 1))
    program = jax.make_jaxpr(gradient)(x, kernel)
    assert count(program.jaxpr, "conv_general_dilated") == convolutions  # by the parities of the two axes
    assert count(program.jaxpr, "dot_general") == products  # for each row of the kernel
    text = str(program)
    assert text.count("window_strides=(1, 1)") == text.count("lhs_dilation=(1, 1)") == convolutions


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_large_gradients_go_over_parts_of_the_batch(monkeypatch, padding):
    x, kernel = jnp.asarray(floats(4, 6, 5, 6)), jnp.asarray(floats(3, 2, 6, 4))
    monkeypatch.setattr(parts, "CACHED", x.size * 2 * 4 // 4)
    gradient = jax.make_jaxpr(jax.grad(lambda k: jnp.sum(jnp.sin(convolve.conv(x, k, 1, padding)))))(kernel)
    assert count(gradient.jaxpr, "scan") == 1 and "length=4" in str(gradient)
    assert_equal_forms(lambda x, k: convolve.conv(x, k, 1, padding), x, kernel)


def test_no_work_for_what_is_not_differentiated():
    x, kernel = jnp.zeros((2, 8, 8, 6)), jnp.zeros((3, 3, 6, 6))
    for argument, convolutions, products in ((0, 2, 0), (1, 1, 3)):  # one is that of the values
        gradient = jax.grad(lambda x, k: jnp.sum(jnp.sin(convolve.conv(x, k))), argnums=argument)
        program = jax.make_jaxpr(gradient)(x, kernel).jaxpr
        assert count(program, "conv_general_dilated") == convolutions and count(program, "dot_general") == products


def test_the_gradient_by_the_inputs_is_a_convolution_of_the_fast_kind():
    """Neither reversed nor padded, with the axes of the kernel in their order: what XLA puts in one with a sum."""
    x, kernel = jnp.zeros((2, 8, 8, 6)), jnp.zeros((3, 3, 6, 6))
    run = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(convolve.conv(x, kernel, padding="same")))))
    found = [line for line in run.lower(x).compile().as_text().splitlines() if " convolution(" in line]
    assert len(found) == 2 and all("dim_labels=b01f_01io->b01f" in line and "reversal" not in line for line in found)
    assert sum("pad=" in line for line in found) == 1  # that of the values


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int32"])
def test_other_dtypes(dtype):
    for shape, window in (((2, 5, 5, 6), (3, 3, 6, 4)), ((2, 5, 5, 2), (3, 3, 2, 4)), ((2, 5, 5, 6), (3, 3, 1, 6))):
        x, kernel = (jnp.asarray(RNG.integers(-3, 4, s), dtype) for s in (shape, window))
        y = jax.jit(convolve.conv)(x, kernel)
        with forms.plain():
            expected = jax.jit(lambda x, k: convolve.conv(x, k))(x, kernel)
        assert y.dtype == jnp.dtype(dtype)
        chex.assert_trees_all_close(y, expected)  # small whole numbers: exact


def test_export_with_symbolic_sizes():
    batch, height = export.symbolic_shape("b, h")
    for name in ("patches", "rows", "grouped", "depthwise_taps", "rows_3d"):
        shape, window, strides, dilation, padding = FORMS[name]
        kernel, x = jnp.asarray(floats(*window)), floats(*shape)

        def f(x, kernel=kernel, strides=strides, padding=padding, dilation=dilation):
            return convolve.conv(x, kernel, strides, padding, None, dilation)

        for symbolic in ((batch, *shape[1:]), (batch, height, *shape[2:])):
            exported = export.export(jax.jit(f))(jax.ShapeDtypeStruct(symbolic, "float32"))
            chex.assert_trees_all_close(exported.call(x), f(x), rtol=1e-4, atol=1e-5)


# --- fkeras.convolve against keras.ops ----------------------------------------------------------------


def test_functions_equal_keras_ops():
    x, kernel, point = floats(2, 6, 5, 4), floats(3, 2, 4, 6), floats(1, 1, 24, 3)
    pairs = [
        (convolve.conv(x, kernel, (2, 1), "same"), keras.ops.conv(x, kernel, (2, 1), "same")),
        (convolve.depthwise_conv(x, kernel, 1, "same"), keras.ops.depthwise_conv(x, kernel, 1, "same")),
        (convolve.separable_conv(x, kernel, point), keras.ops.separable_conv(x, kernel, point)),
        (
            convolve.conv_transpose(x, floats(3, 3, 2, 4) * 0 + 1, 2, "same", 1),
            keras.ops.conv_transpose(x, floats(3, 3, 2, 4) * 0 + 1, 2, "same", 1),
        ),
    ]
    for ours, theirs in pairs:
        chex.assert_trees_all_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_explicit_padding():
    x, kernel = floats(2, 6, 5, 5), floats(3, 2, 5, 6)
    ours = convolve.conv(x, kernel, 1, ((1, 2), (0, 1)))
    padded = jnp.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))
    chex.assert_trees_all_close(ours, convolve.conv(padded, kernel), rtol=1e-4, atol=1e-5)


# --- refusals -----------------------------------------------------------------------------------------

REFUSED = {
    "channels": (lambda: convolve.conv(floats(1, 8, 8, 3), floats(3, 3, 2, 4)), "3 channels"),
    "size": (lambda: convolve.conv(floats(1, 2, 8, 3), floats(3, 3, 3, 4)), "does not fit"),
    "padding": (lambda: convolve.conv(floats(1, 8, 8, 3), floats(3, 3, 3, 4), 1, "full"), "'full'"),
    "strides": (lambda: convolve.conv(floats(1, 8, 8, 3), floats(3, 3, 3, 4), (1, 1, 1)), "strides"),
    "depthwise": (lambda: convolve.depthwise_conv(floats(1, 8, 8, 3), floats(3, 3, 4, 1)), "4 channels"),
    "rank": (lambda: convolve.conv(floats(8, 8, 3), floats(3, 3, 3, 4)), "same rank"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()
