"""The laws that every optimizer keeps: a pure pair, to be jitted, mapped, scanned and differentiated."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fkeras import optimizers

LAWS = {
    "SGD": lambda o: o.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "RMSprop": lambda o: o.RMSprop(0.1, rho=0.8, momentum=0.5, epsilon=1e-3, centered=True),
    "Adam": lambda o: o.Adam(0.1, amsgrad=True, beta_1=0.7, beta_2=0.6),
    "AdamW": lambda o: o.AdamW(0.1),
    "Adamax": lambda o: o.Adamax(0.1),
    "Nadam": lambda o: o.Nadam(0.1),
    "Adagrad": lambda o: o.Adagrad(0.1),
    "Adadelta": lambda o: o.Adadelta(1.0, rho=0.7),
    "Adafactor": lambda o: o.Adafactor(0.1, clip_threshold=0.5),
    "Ftrl": lambda o: o.Ftrl(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.1, beta=0.2),
    "Lion": lambda o: o.Lion(0.1),
    "Lamb": lambda o: o.Lamb(0.1),
    "Muon": lambda o: o.Muon(0.1, ns_steps=2),
    "ScheduleFreeAdamW": lambda o: o.ScheduleFreeAdamW(0.1, warmup_steps=2),
    "everything": lambda o: o.Adam(
        0.1, use_ema=True, ema_overwrite_frequency=2, gradient_accumulation_steps=2, clipnorm=1.0, weight_decay=0.1
    ),
    "schedule": lambda o: o.SGD(o.schedules.CosineDecay(0.1, 10), momentum=0.5, global_clipnorm=1.0),
    "LossScaleOptimizer": lambda o: o.LossScaleOptimizer(o.Adam(0.1), initial_scale=4.0, dynamic_growth_steps=2),
    "MultiOptimizer": lambda o: o.MultiOptimizer(o.OptimizerMap(o.SGD(0.1), {".*/kernel": o.Adam(0.1)})),
}
PARAMS = {"dense": {"kernel": jnp.arange(6.0).reshape(3, 2) / 5 - 0.4, "bias": jnp.zeros(2), "gate": None}}


def loss(params, target):
    """A loss with a parameter that has no influence, so some gradients are zero throughout."""
    return jnp.sum(jnp.square(params["dense"]["kernel"] - target))


def step(optimizer, carry, target):
    params, state = carry
    updates, state = optimizer.update(jax.grad(loss)(params, target), state, params)
    return (optax.apply_updates(params, updates), state), None


def with_rates(state, rate):
    """The state with every learning rate in it replaced."""
    if isinstance(state, list):
        return [with_rates(s, rate) for s in state]
    inner = {"inner": with_rates(state["inner"], rate)} if "inner" in state else {}
    return {**state, **({"learning_rate": rate} if "learning_rate" in state else {}), **inner}


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_the_pair(law):
    """One program maps a whole training run over learning rates and differentiates it; a plain loop gives the same."""
    optimizer, targets = LAWS[law](optimizers), jnp.linspace(0.1, 1.0, 4)
    state = optimizer.init(PARAMS)

    def final(rate):
        carry = (PARAMS, with_rates(state, rate))
        carry, _ = jax.lax.scan(lambda c, t: step(optimizer, c, t), carry, targets)
        return loss(carry[0], 0.5), carry

    rates = jnp.array([0.02, 0.02 + 1e-3])
    run = jax.jit(jax.vmap(jax.value_and_grad(final, has_aux=True)))
    (values, after), slopes = run(rates)
    chex.assert_tree_all_finite((values, after, slopes))
    if law != "schedule":
        assert float(values[0]) != float(values[1])
        if law not in ("Adafactor", "ScheduleFreeAdamW"):  # whose loss bends too much for a coarse difference
            np.testing.assert_allclose(slopes[0], (values[1] - values[0]) / 1e-3, rtol=0.15, atol=1e-2)

    carry = (PARAMS, with_rates(state, rates[0]))
    alone = jax.jit(lambda c, t: step(optimizer, c, t)[0]) if optimizer.gradient_accumulation_steps else None
    for t in targets:
        carry = alone(carry, t) if alone else step(optimizer, carry, t)[0]
    chex.assert_trees_all_close(jax.tree.map(lambda x: x[0], after), carry, atol=1e-5)
    assert float(jnp.abs(carry[0]["dense"]["kernel"] - PARAMS["dense"]["kernel"]).max()) > 0


def strong(tree):
    return [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(tree)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("law", LAWS)
def test_state_keeps_its_form_and_optax_takes_the_pair(law, dtype):
    optimizer = LAWS[law](optimizers)
    params = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, dtype), PARAMS)
    state = jax.eval_shape(optimizer.init, params)
    updates, after = jax.eval_shape(optimizer.update, params, state, params)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert strong(after) == strong(state), "a state whose types change is compiled twice"
    assert not any(weak for *_, weak in strong(state))
    assert strong(updates) == strong(params)
    init, update = optimizer
    assert (init, update) == (optimizer.init, optimizer.update)
    chain = optax.chain(optax.clip(1.0), optimizer)
    assert strong(jax.eval_shape(chain.update, params, jax.eval_shape(chain.init, params), params)[0]) == strong(params)
    masked = optax.masked(
        optax.with_extra_args_support(optimizer), {"dense": {"kernel": True, "bias": False, "gate": None}}
    )
    assert strong(jax.eval_shape(masked.update, params, jax.eval_shape(masked.init, params), params)[0]) == strong(
        params
    )


def test_a_chain_of_optax_counts():
    chain = optax.chain(optax.clip(0.5), optimizers.SGD(1.0))
    updates, _ = chain.update(jnp.array([3.0, -0.25]), chain.init(jnp.zeros(2)), jnp.zeros(2))
    assert updates.tolist() == [-0.5, 0.25]


def test_settings_can_be_mapped():
    """An optimizer made inside a program, its settings traced."""

    def first(rate, beta):
        optimizer = optimizers.AdamW(rate, beta_1=beta)
        return optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)), jnp.ones(2))[0]

    got = jax.jit(jax.vmap(first))(jnp.array([0.1, 0.2]), jnp.array([0.9, 0.8]))
    chex.assert_trees_all_close(got, jnp.stack([first(0.1, 0.9), first(0.2, 0.8)]), rtol=1e-5)


def test_a_missing_gradient_leaves_its_parameter_alone():
    optimizer = optimizers.AdamW(0.1, gradient_accumulation_steps=None)
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    updates, state = optimizer.update({"a": jnp.ones(2), "b": None}, optimizer.init(params), params)
    assert updates["b"].tolist() == [0, 0] and updates["a"][0] < 0
    assert state["slots"]["momentum"]["b"].tolist() == [0, 0] and state["slots"]["momentum"]["a"][0] > 0
