"""Locally connected layers, which Keras 3 no longer has: against sums written out by hand."""

from __future__ import annotations

import itertools
import json

import jax
import numpy as np
import pytest

from fkeras.layers import LocallyConnected1D, LocallyConnected2D
from fkeras.spec import Spec

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def by_hand(x, weight, bias, kernel, strides, out, before):
    """Sums written out; `weight(place, input place, channel, filter)`, channels last."""
    y = np.array(np.broadcast_to(bias, (len(x), *bias.shape)))
    spaces = x.shape[1:-1]
    for place in itertools.product(*map(range, out)):
        for window in itertools.product(*map(range, kernel)):
            source = tuple(p * s + w - b for p, s, w, b in zip(place, strides, window, before, strict=True))
            if all(0 <= i < n for i, n in zip(source, spaces, strict=True)):
                for c, f in itertools.product(range(x.shape[-1]), range(bias.shape[-1])):
                    y[(slice(None), *place, f)] += x[(slice(None), *source, c)] * weight(place, window, source, c, f)
    return y


def values(layer, x):
    params, state = layer.init(KEY, x)
    params = {n: RNG.normal(size=w.shape).astype("float32") for n, w in params.items()}
    return params, np.asarray(jax.jit(lambda p: layer.apply(p, state, x)[0])(params))


CASES = [
    (LocallyConnected1D, (3,), (1,), "valid", (6,)), (LocallyConnected1D, (2,), (2,), "same", (5,)),
    (LocallyConnected2D, (2, 3), (1, 2), "valid", (4, 6)), (LocallyConnected2D, (2, 3), (2, 1), "same", (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("implementation", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("cls, kernel, strides, padding, space", CASES)
def test_numbers(cls, kernel, strides, padding, space, data_format, implementation):
    if padding == "same" and implementation == 1:
        with pytest.raises(ValueError, match="needs implementation=2 or 3"):
            cls(2, kernel, strides, padding)
        return
    first, channels, filters = data_format == "channels_first", 2, 2
    layer = cls(filters, kernel, strides, padding, data_format, implementation=implementation)
    x = RNG.normal(size=(2, *space, channels)).astype("float32")
    params, y = values(layer, np.moveaxis(x, -1, 1) if first else x)
    out = y.shape[2:] if first else y.shape[1:-1]
    same = padding == "same"
    assert out == tuple(
        -(-n // s) if same else (n - k) // s + 1 for n, k, s in zip(space, kernel, strides, strict=True)
    )
    before = [
        max((o - 1) * s + k - n, 0) // 2 if same else 0 for o, s, k, n in zip(out, strides, kernel, space, strict=True)
    ]
    stored = params["kernel"]

    def flat(index, sizes):
        return int(np.ravel_multi_index(index, sizes))

    def inside(place):
        for window in itertools.product(*map(range, kernel)):
            source = tuple(p * s + w - b for p, s, w, b in zip(place, strides, window, before, strict=True))
            if all(0 <= i < n for i, n in zip(source, space, strict=True)):
                yield source

    def key(place, source, c, f):
        into = (f, flat(place, out)) if first else (flat(place, out), f)
        return (*into, *((c, flat(source, space)) if first else (flat(source, space), c)))

    entries = sorted(
        key(place, source, c, f)
        for place in itertools.product(*map(range, out)) for source in inside(place)
        for c in range(channels) for f in range(filters)
    )  # fmt: skip
    position = {k: i for i, k in enumerate(entries)}

    def weight(place, window, source, c, f):
        if implementation == 1:
            w, n = flat(window, kernel), int(np.prod(kernel))
            return stored[flat(place, out), c * n + w if first else w * channels + c, f]
        if implementation == 2:
            return stored[(c, *source, f, *place) if first else (*source, c, *place, f)]
        return stored[position[key(place, source, c, f)]]

    want = by_hand(x, weight, params["bias"], kernel, strides, out, before)
    np.testing.assert_allclose(np.moveaxis(y, 1, -1) if first else y, want, rtol=1e-4, atol=1e-5)
    if implementation == 3:
        assert stored.shape == (len(entries),)


def test_settings_and_config():
    layer = LocallyConnected2D(2, 3, activation="relu", use_bias=False, kernel_regularizer="l2")
    config = json.loads(json.dumps(layer.get_config()))
    assert list(config)[-1] != "axes" and config["implementation"] == 1 and config["kernel_size"] == [3, 3]
    assert LocallyConnected2D.from_config(config).get_config() == layer.get_config()
    params, _ = layer.init(KEY, np.ones((1, 4, 4, 2), "float32"))
    assert list(params) == ["kernel"] and params["kernel"].shape == (4, 18, 2)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: LocallyConnected1D(2, 9)(np.ones((1, 4, 2))), "does not fit into 4"),
        (lambda: LocallyConnected1D(2, 2, implementation=4), "implementation must be one of"),
        (lambda: LocallyConnected1D(2, 2, padding="causal"), "padding must be one of"),
        (lambda: LocallyConnected2D(2, (2, 2, 2)), "kernel_size must be"),
        (lambda: LocallyConnected1D(2, 2).output_spec(Spec((None, None, 3))), "needs to know all sizes"),
        (lambda: LocallyConnected1D(2, 2)(np.ones((1, 4))), "of rank 3"),
    ],
)
def test_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
