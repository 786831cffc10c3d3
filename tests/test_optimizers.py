"""Optimizers: Keras' trajectories, configs and variables; and the laws that every pair keeps."""

import json
import pickle
import warnings

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from fkeras import optimizers
from fkeras.variable import Variable

SHAPES = {"dense": {"kernel": (4, 3), "bias": (3,)}, "embedding": {"embeddings": (5, 2)}}
NAMES = ["kernel", "bias", "embeddings"]  # in the order of Keras; JAX sorts them
STEPS = 10


def listed(tree):
    return [tree["dense"]["kernel"], tree["dense"]["bias"], tree["embedding"]["embeddings"]]


def nested(values):
    kernel, bias, embeddings = values
    return {"dense": {"kernel": kernel, "bias": bias}, "embedding": {"embeddings": embeddings}}


def data(seed=0):
    """First params, and what is added to the gradient in each step; some gradients are zero throughout."""
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=s).astype("float32") for s in listed(SHAPES)]
    noise = [rng.normal(size=(STEPS, *s)).astype("float32") for s in listed(SHAPES)]
    noise[0][:, 0, :] = 0
    return params, noise


def gradients(params, noise):
    return [jnp.where(n == 0, 0, n + 0.3 * p) for n, p in zip(noise, params, strict=True)]


def keras_run(optimizer):
    """The params after each step, and the optimizer's variables at the end."""
    params, noise = data()
    variables = [keras.Variable(p, name=n) for p, n in zip(params, NAMES, strict=True)]
    track = []
    for t in range(STEPS):  # one by one: every small operation is compiled once for all tests
        optimizer.apply(gradients([v.value for v in variables], [n[t] for n in noise]), variables)
        track.append([v.value for v in variables])
    return jax.tree.map(lambda *x: np.stack(x), *track), [np.asarray(v) for v in optimizer.variables]


def our_run(optimizer):
    params, noise = data()
    params = nested(params)
    optimizer.prepare(params)

    def body(carry, noise):
        params, state = carry
        grads = nested(gradients(listed(params), noise))
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), listed(params)

    (_, optimizer.state), track = jax.jit(lambda c, x: jax.lax.scan(body, c, x))((params, optimizer.state), noise)
    return track, [v.value for v in optimizer.variables]


def schedule(module):
    return module.schedules.ExponentialDecay(0.1, 2, 0.5)


CASES = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}],
    "RMSprop": [{}, {"momentum": 0.5, "centered": True, "rho": 0.8, "epsilon": 1e-3}],
    "Adam": [{}, {"amsgrad": True, "beta_1": 0.7, "beta_2": 0.6, "weight_decay": 0.1}],
    "AdamW": [{}],
    "Adamax": [{"weight_decay": 0.1}],
    "Nadam": [{}, {"gradient_accumulation_steps": 2}],
    "Adagrad": [{"initial_accumulator_value": 0.5}],
    "Adadelta": [{"learning_rate": 1.0, "rho": 0.7}],
    "Adafactor": [{}, {"clip_threshold": 0.5, "beta_2_decay": -0.5, "relative_step": False, "weight_decay": 0.1}],
    "Ftrl": [{}, {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.1, "beta": 0.2,
                  "l2_shrinkage_regularization_strength": 0.05, "learning_rate_power": -0.7, "weight_decay": 0.1}],
    "Lion": [{"weight_decay": 0.1}],
    "Lamb": [{"weight_decay": 0.1}],
    "Muon": [{}, {"nesterov": False, "rms_rate": None, "exclude_layers": ["kern"], "adam_lr_ratio": 0.5}, {"ns_steps": 2, "exclude_embeddings": False}],
    "ScheduleFreeAdamW": [{}, {"warmup_steps": 4, "weight_decay": 0.1}],
}  # fmt: skip
COMMON = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.2},
    {"global_clipnorm": 0.7, "loss_scale_factor": 8.0},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.5, "weight_decay": 0.1, "learning_rate": schedule},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "loss_scale_factor": 0.5},
    {"learning_rate": lambda module: lambda: 0.2},
]
RUNS = [(n, {"learning_rate": 0.1, **kw}) for n, cases in CASES.items() for kw in cases]
RUNS += [("Adam", {"learning_rate": 0.1, **kw}) for kw in COMMON]
RUNS += [("SGD", {"learning_rate": 0.1, "momentum": 0.9, **COMMON[5]})]


def make(module, name, settings):
    rate = settings.get("learning_rate")
    return getattr(module, name)(**{**settings, **({"learning_rate": rate(module)} if callable(rate) else {})})


def run_id(run):
    return f"{run[0]}-{'-'.join(run[1])}"


@pytest.mark.parametrize("run", RUNS, ids=run_id)
def test_trajectories_and_variables_are_those_of_keras(run):
    theirs, ours = make(keras.optimizers, *run), make(optimizers, *run)
    want, kept = keras_run(theirs)
    got, own = our_run(ours)
    chex.assert_trees_all_close(got, want, atol=1e-5, rtol=1e-5)
    chex.assert_trees_all_close(own, kept, atol=2e-5, rtol=1e-4)
    changed = [np.abs(np.diff(np.asarray(t), axis=0)).max() for t in got]
    assert min(changed) > 1e-5


def test_weight_decay_leaves_out_what_is_excluded():
    theirs, ours = keras.optimizers.AdamW(0.1, weight_decay=0.5), optimizers.AdamW(0.1, weight_decay=0.5)
    theirs.exclude_from_weight_decay(var_names=["bias", "embed+ing"])
    ours.exclude_from_weight_decay(var_names=["bias", "embed+ing"])
    chex.assert_trees_all_close(our_run(ours)[0], keras_run(theirs)[0], atol=1e-5)
    by_path = optimizers.AdamW(0.1, weight_decay=0.5)
    by_path.exclude_from_weight_decay(var_names=["dense/b", "^embedding/"])
    chex.assert_trees_all_close(our_run(by_path)[0], our_run(optimizers_excluding("bias", "embeddings"))[0])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        by_path.exclude_from_weight_decay(var_names=["kernel"])
    a, b = Variable([1.0]), Variable([1.0])
    ours = optimizers.SGD(1.0, weight_decay=0.5)
    ours.exclude_from_weight_decay(var_list=[b])
    ours.apply([jnp.zeros(1), jnp.zeros(1)], [a, b])
    assert float(a[0]) == 0.5 and float(b[0]) == 1.0


def optimizers_excluding(*names):
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=list(names))
    return optimizer


# --- laws ------------------------------------------------------------------------------------------

LAWS = [(name, kw) for name, cases in CASES.items() for kw in cases[-1:]]
LAWS += [("Adam", {"use_ema": True, "ema_overwrite_frequency": 2, "gradient_accumulation_steps": 2, "clipnorm": 1.0})]
LAWS += [
    ("SGD", {"momentum": 0.5, "global_clipnorm": 1.0, "learning_rate": schedule}),
    ("LossScaleOptimizer", {}),
    ("MultiOptimizer", {}),
]


def make_law(name, settings):
    if name == "LossScaleOptimizer":
        return optimizers.LossScaleOptimizer(optimizers.Adam(0.1), initial_scale=4.0, dynamic_growth_steps=2)
    if name == "MultiOptimizer":
        chosen = optimizers.OptimizerMap(optimizers.SGD(0.1), {"dense/.*": optimizers.Adam(0.1)})
        return optimizers.MultiOptimizer(chosen)
    return make(optimizers, name, settings)


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


@pytest.mark.parametrize("law", LAWS, ids=run_id)
def test_laws_of_the_pair(law):
    """One program maps a whole training run over learning rates and differentiates it; a plain loop gives the same."""
    optimizer, targets = make_law(*law), jnp.linspace(0.1, 1.0, 4)
    init, update = optimizer
    state = init(PARAMS)

    def final(rate):
        carry = (PARAMS, with_rates(state, rate))
        carry, _ = jax.lax.scan(lambda c, t: step(optimizer, c, t), carry, targets)
        return loss(carry[0], 0.5), carry

    rates = jnp.array([0.02, 0.02 + 1e-3])
    run = jax.jit(jax.vmap(jax.value_and_grad(final, has_aux=True)))
    (values, after), slopes = run(rates)
    chex.assert_tree_all_finite((values, after, slopes))
    if "learning_rate" not in law[1] or not callable(law[1]["learning_rate"]):
        assert float(values[0]) != float(values[1])
        if law[0] not in ("Adafactor", "ScheduleFreeAdamW"):  # whose loss bends too much for a coarse difference
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
@pytest.mark.parametrize("law", LAWS, ids=run_id)
def test_state_keeps_its_form_and_optax_takes_the_pair(law, dtype):
    optimizer = make_law(*law)
    params = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, dtype), PARAMS)
    state = jax.eval_shape(optimizer.init, params)
    updates, after = jax.eval_shape(optimizer.update, params, state, params)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert strong(after) == strong(state), "a state whose types change is compiled twice"
    assert not any(weak for *_, weak in strong(state))
    assert strong(updates) == strong(params)
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


# --- configs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run", [r for r in RUNS if r[1]["learning_rate"] is schedule or not callable(r[1]["learning_rate"])], ids=run_id
)
def test_configs_are_those_of_keras(run):
    theirs, ours = make(keras.optimizers, *run), make(optimizers, *run)
    want = {**theirs.get_config(), "name": ours.name}
    assert ours.get_config() == want
    config = json.loads(json.dumps(optimizers.serialize(ours)))
    assert config == {**keras.optimizers.serialize(theirs), "config": want}
    assert optimizers.deserialize(config).get_config() == want
    if run[0] != "Lamb":  # which Keras itself cannot read back by name
        assert keras.optimizers.deserialize(json.loads(json.dumps(config))).get_config() == want
    assert ours.replace(weight_decay=0.25).get_config() == {**want, "weight_decay": 0.25}
    assert pickle.loads(pickle.dumps(ours)).get_config() == want


def test_configs_of_wrappers_are_those_of_keras():
    def build(module):
        chosen = module.OptimizerMap(module.SGD(0.5, name="a"), {"dense/.*": module.Adam(0.25, name="b")})
        return module.LossScaleOptimizer(module.MultiOptimizer(chosen), initial_scale=8.0)

    config = optimizers.serialize(build(optimizers))
    assert config == keras.optimizers.serialize(build(keras.optimizers))
    assert optimizers.serialize(optimizers.deserialize(json.loads(json.dumps(config)))) == config
    assert keras.optimizers.serialize(keras.optimizers.deserialize(json.loads(json.dumps(config)))) == config


def test_get():
    assert isinstance(optimizers.get("ADAMW"), optimizers.AdamW) and isinstance(optimizers.get("lamb"), optimizers.Lamb)
    assert isinstance(optimizers.get(optimizers.SGD), optimizers.SGD) and optimizers.get(None) is None
    transformation, own = optax.adam(0.1), optimizers.SGD()
    assert optimizers.get(transformation) is transformation and optimizers.get(own) is own
    for wrong in ("typo", 3, lambda: 0):
        with pytest.raises(ValueError):
            optimizers.get(wrong)
    with pytest.raises(ImportError, match="lr"):
        optimizers.legacy.Adam()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": -0.1}, "learning_rate must be >= 0"),
        ({"learning_rate": "fast"}, "must be a number"),
        ({"learning_rate": None}, "must be a number"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of"),
        ({"clipnorm": 0.0}, "clipnorm"),
        ({"use_ema": True, "ema_momentum": 1.5}, "ema_momentum"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
        ({"gradient_accumulation_steps": 1}, "integer >= 2"),
        ({"momentum": 1.5}, "momentum"),
        ({"loss_scale_factor": 0.0}, "loss_scale_factor"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        optimizers.SGD(**settings)


def test_more_settings_are_refused():
    for make_wrong in (
        lambda: optimizers.AdamW(weight_decay=None),
        lambda: optimizers.Lion(beta_1=0.0),
        lambda: optimizers.Adam(beta_2=1.0),
        lambda: optimizers.Ftrl(learning_rate_power=0.5),
        lambda: optimizers.Ftrl(l1_regularization_strength=-1.0),
        lambda: optimizers.LossScaleOptimizer.from_config(
            {"inner_optimizer": optimizers.serialize(optimizers.SGD()), "clipnorm": 1.0}
        ),
        lambda: optimizers.MultiOptimizer(
            optimizers.OptimizerMap(optimizers.SGD(), {"a": optimizers.LossScaleOptimizer("sgd")})
        ),
    ):
        with pytest.raises(ValueError):
            make_wrong()
    with pytest.raises(TypeError, match=r"Did you mean 'momentum'.*learning_rate, momentum, nesterov, weight_decay"):
        optimizers.SGD(momentun=0.5)
    with pytest.raises(ValueError, match=r"gradient of 'dense/bias' has shape \(3,\)"):
        params = {"dense": {"bias": jnp.ones(2)}}
        optimizers.SGD().update({"dense": {"bias": jnp.ones(3)}}, optimizers.SGD().init(params), params)
    with pytest.raises(ValueError, match="needs the parameters"):
        optimizers.SGD().update({}, {})


def test_old_arguments():
    with pytest.warns(UserWarning, match="old name of `learning_rate`"):
        optimizer = optimizers.SGD(lr=1.0, decay=0.5)
    params = state = jnp.zeros(())
    state = optimizer.init(params)
    for t in range(3):
        updates, state = optimizer.update(jnp.ones(()), state, params)
        np.testing.assert_allclose(updates, -1 / (1 + 0.5 * t), rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(optimizers.Adam.from_config({"learning_rate": 0.5, "decay": 0.0}).learning_rate) == 0.5
    with pytest.raises(TypeError, match="not both"):
        optimizers.SGD(learning_rate=0.1, lr=0.1)
    with pytest.raises(ValueError, match="decay"):
        optimizers.SGD(schedule(optimizers), decay=0.1)


# --- the face ----------------------------------------------------------------------------------------


def variables(module_variable=Variable):
    params, _ = data()
    return [module_variable(p, name=n) for p, n in zip(params, NAMES, strict=True)]


@pytest.mark.parametrize("name", ["Adam", "Adafactor", "Nadam"])
def test_apply_on_variables_is_that_of_keras(name):
    settings = {"learning_rate": 0.1, "use_ema": True, "weight_decay": 0.1}
    theirs, ours = make(keras.optimizers, name, settings), make(optimizers, name, settings)
    want, got = variables(keras.Variable), variables()
    want[0].constraint = got[0].constraint = lambda w: jnp.maximum(jnp.asarray(w), 0)
    _, noise = data()
    for t in range(2):
        grads = [n[t] for n in noise]
        theirs.apply_gradients(zip(map(jnp.asarray, grads), want, strict=True))
        count = ours.apply_gradients(zip(grads, got, strict=True))
    assert int(count) == 2 and int(ours.iterations) == 2
    chex.assert_trees_all_close([v.value for v in got], [v.value for v in want], atol=1e-5)
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    if name == "Adam":
        assert [v.path for v in ours.variables] == [v.path.replace(theirs.name, "adam") for v in theirs.variables]
    chex.assert_trees_all_close(ours.get_weights(), [np.asarray(v) for v in theirs.variables], atol=1e-5)
    theirs.finalize_variable_values(want)
    ours.finalize_variable_values(got)
    chex.assert_trees_all_close([v.value for v in got], [v.value for v in want], atol=1e-5)

    values, kept = ours.stateless_apply(
        [v.value for v in ours.variables], [n[2] for n in noise], [v.value for v in got]
    )
    values_k, kept_k = theirs.stateless_apply(
        [v.value for v in theirs.variables], [jnp.asarray(n[2]) for n in noise], [v.value for v in want]
    )
    chex.assert_trees_all_close((values, kept), (values_k, kept_k), atol=1e-5)
    assert int(ours.iterations) == 2, "stateless_apply changes nothing"


def test_apply_with_some_variables():
    optimizer = optimizers.SGD(1.0)
    a, b = Variable([3.0, 4.0]), Variable([3.0, 4.0])
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply_gradients([(None, a)])
    optimizer = optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply_gradients([(None, a), (jnp.ones(2), b)])
    optimizer.apply([jnp.ones(2)], [b])
    assert a.numpy().tolist() == [3, 4] and b.numpy().tolist() == [1, 2]
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([jnp.ones(2)], [Variable([1.0, 2.0])])
    with pytest.raises(ValueError, match="build"):
        optimizers.SGD().apply([jnp.ones(2)])
    with pytest.raises(ValueError, match="must be built"):
        optimizers.SGD().stateless_apply([], [], [])


def test_learning_rate_is_read_and_set():
    optimizer, v = optimizers.SGD(0.5), Variable([0.0])
    assert float(optimizer.learning_rate) == 0.5 and optimizer.learning_rate * 2 == 1.0
    optimizer.learning_rate = 0.25
    optimizer.apply([jnp.ones(1)], [v])
    assert float(v[0]) == -0.25
    optimizer.learning_rate = 1.0
    optimizer.apply([jnp.ones(1)], [v])
    optimizer.learning_rate.assign(2.0)
    optimizer.apply([jnp.ones(1)], [v])
    assert float(v[0]) == -3.25 and optimizer.get_config()["learning_rate"] == 2.0
    assert len(optimizer.variables) == 2
    optimizer.learning_rate = optimizers.schedules.PiecewiseConstantDecay([2], [1.0, 4.0])
    assert len(optimizer.variables) == 1 and float(optimizer.learning_rate) == 4.0
    optimizer.apply([jnp.ones(1)], [v])
    assert float(v[0]) == -7.25
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate = 0.1
    assert float(optimizers.Adam(optimizers.SGD(0.5).learning_rate).learning_rate) == 0.5
    assert (
        float(optimizers.Adam(lambda: 0.5).learning_rate) == 0.5
        and float(optimizers.Adam(lambda t: 0.5 + t).learning_rate) == 0.5
    )


def test_changed_settings_take_effect():
    optimizer, v = optimizers.SGD(1.0), Variable([0.0])
    optimizer.apply([jnp.full(1, 4.0)], [v])
    optimizer.clipvalue = 1.0
    optimizer.apply([jnp.full(1, 4.0)])
    assert float(v[0]) == -5.0


def test_weights_travel_between_optimizers():
    one, two = optimizers.Adam(0.1), optimizers.Adam(0.2)
    v = variables()
    one.apply([jnp.ones(x.shape) for x in v], v)
    with pytest.raises(ValueError, match="You are calling"):
        two.set_weights(one.variables)
    two.build(v)
    two.set_weights(one.variables)
    chex.assert_trees_all_equal(one.state, two.state)
    store, three = {}, optimizers.Adam(0.3)
    one.save_own_variables(store)
    with pytest.warns(UserWarning, match="not built"):
        three.load_own_variables(store)
    three.build(nested([x.value for x in v]))
    three.load_own_variables(store)
    chex.assert_trees_all_equal(three.get_weights(), one.get_weights())
    assert three.state["slots"]["momentum"]["dense"]["kernel"].shape == (4, 3)
    assert [x.path for x in three.variables][2] == "adam/dense_kernel_momentum"


def test_variables_that_are_overwritten_by_their_gradients():
    for every in (None, 2):
        v, w = Variable([1.0, 2.0]), Variable([1.0, 2.0])
        v.overwrite_with_gradient = True
        optimizer = optimizers.Adam(1.0, gradient_accumulation_steps=every, weight_decay=0.1, loss_scale_factor=2.0)
        optimizer.apply([jnp.full(2, 5.0), jnp.ones(2)], [v, w])
        if every:
            assert v.numpy().tolist() == [1.0, 2.0] == w.numpy().tolist()
            optimizer.apply([jnp.full(2, 4.0), jnp.ones(2)], [v, w])
        assert v.numpy().tolist() == [5.0, 5.0] and w.numpy()[0] < 1.0


# --- wrappers ----------------------------------------------------------------------------------------


def test_loss_scale_is_that_of_keras():
    def build(module):
        return module.LossScaleOptimizer(module.Adam(0.1, clipnorm=1.0), initial_scale=4.0, dynamic_growth_steps=3)

    theirs, ours = build(keras.optimizers), build(optimizers)
    want, got = variables(keras.Variable), variables()
    theirs.build(want)
    ours.build(got)
    kept, values = [v.value for v in theirs.variables], [v.value for v in want]
    own, held = [v.value for v in ours.variables], [v.value for v in got]
    step, our_step = jax.jit(theirs.stateless_apply), jax.jit(ours.stateless_apply)
    _, noise = data()
    for t in range(8):
        grads = [jnp.asarray(n[t]) for n in noise]
        if t == 5:
            grads[1] = grads[1].at[0].set(jnp.inf)
        values, kept = step(kept, grads, values)
        held, own = our_step(own, grads, held)
        chex.assert_trees_all_close((held, own), (values, kept), atol=1e-5)
    assert float(ours.scale_loss(2.0)) == 8.0 and ours.scale_loss(2.0, ours.state) == 8.0
    ours.learning_rate = 0.5
    assert float(ours.inner_optimizer.learning_rate) == 0.5 and float(ours.state["inner"]["learning_rate"]) == 0.5
    ours.apply([jnp.ones(v.shape) for v in got], got)
    assert int(ours.iterations) == 1


def test_multi_optimizer_is_that_of_keras():
    def build(module):
        chosen = module.OptimizerMap(
            module.SGD(0.1), {"kernel": module.Adam(0.1, clipnorm=1.0), "b.*": module.Lion(0.05)}
        )
        return module.MultiOptimizer(chosen)

    theirs, ours = build(keras.optimizers), build(optimizers)
    want, got = variables(keras.Variable), variables()
    _, noise = data()
    for t in range(3):
        theirs.apply([jnp.asarray(n[t]) for n in noise], want)
        ours.apply([n[t] for n in noise], got)
    chex.assert_trees_all_close([v.value for v in got], [v.value for v in want], atol=1e-5)
    chex.assert_trees_all_close(ours.get_weights(), [np.asarray(v) for v in theirs.variables], atol=1e-5)
    ours.optimizers[0].learning_rate = 0.0
    before = got[0].numpy()
    ours.apply([n[0] for n in noise], got)
    assert (got[0].numpy() == before).all() and not (got[2].numpy() == variables()[2].numpy()).all()
    with pytest.raises(AttributeError, match="optimizers"):
        ours.learning_rate = 0.1
    assert not hasattr(ours, "learning_rate")


def test_multi_optimizer_by_a_function():
    calls = []

    def choose(variable):
        calls.append(variable.path)
        return optimizers.SGD(1.0) if variable.name == "bias" else optimizers.SGD(0.5, use_ema=True)

    optimizer = optimizers.MultiOptimizer(choose, loss_scale_factor=2.0)
    params = {"dense": {"kernel": jnp.ones(2), "bias": jnp.ones(2)}}
    updates, state = optimizer.update(params, optimizer.init(params), params)
    assert calls == ["dense/bias", "dense/kernel"] and len(optimizer.optimizers) == 2
    assert updates["dense"]["bias"].tolist() == [-0.5, -0.5] and updates["dense"]["kernel"].tolist() == [-0.25, -0.25]
    assert optimizer.scale_loss(1.0) == 2.0
    final = optimizer.finalize(params, state)
    assert final["dense"]["kernel"].tolist() == [0.75, 0.75] and final["dense"]["bias"].tolist() == [1, 1]


def test_optimizer_map():
    optimizer_map = optimizers.OptimizerMap(optimizers.SGD())
    optimizer_map["a/.*"] = optimizers.Adam()
    optimizer_map["a/b"] = optimizers.Lion()
    assert [type(optimizer_map[k]).__name__ for k in ("a/b", "a/c", "c")] == ["Lion", "Adam", "SGD"]
    optimizer_map[".*/c"] = optimizers.Lamb()
    with pytest.raises(ValueError, match="Multiple"):
        optimizer_map["a/c"]
    with pytest.raises(ValueError, match="already exists"):
        optimizer_map["a/b"] = optimizers.SGD()
    del optimizer_map[".*/c"]
    assert len(optimizer_map) == 2 and list(optimizer_map) == ["a/.*", "a/b"]
    with pytest.raises(TypeError):
        optimizers.OptimizerMap(3)


# --- the Keras way -------------------------------------------------------------------------------------


def momentum_class(base, variable):
    """Keras' own example of an optimizer: SGD with momentum, and a count of its own."""

    class Momentum(base):
        def __init__(self, learning_rate=0.1, momentum=0.9, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.momentum = momentum

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.momentums = []
            for v in variables:
                self.momentums.append(self.add_variable_from_reference(reference_variable=v, name="momentum"))
            self.calls = self.add_variable((), name="calls")

        def update_step(self, gradient, variable, learning_rate):
            learning_rate = jnp.asarray(learning_rate, variable.dtype)
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, m * self.momentum - gradient * learning_rate / (1.0 + jnp.asarray(self.iterations)))
            self.assign_add(variable, m)
            self.assign_add(self.calls, 1.0)

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    return Momentum


Momentum = momentum_class(optimizers.Optimizer, Variable)


@pytest.mark.parametrize(
    "settings", [{}, {"weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True}, {"gradient_accumulation_steps": 2}]
)
def test_subclasses_in_the_keras_way(settings):
    theirs, ours = momentum_class(keras.optimizers.Optimizer, keras.Variable)(**settings), Momentum(**settings)
    assert ours.get_config() == {**theirs.get_config(), "name": ours.name}
    assert Momentum.from_config(ours.get_config()).get_config() == ours.get_config()
    want, kept = keras_run(theirs)
    got, own = our_run(ours)
    chex.assert_trees_all_close(got, want, atol=1e-5)
    chex.assert_trees_all_close(own, kept, atol=1e-5)
    pure = Momentum(**settings)
    params = nested(data()[0])
    state = pure.init(params)
    after = jax.jit(pure.update)(params, state, params)[1]
    chex.assert_trees_all_equal_shapes_and_dtypes(state, after)
    assert not pure.built and not hasattr(pure, "momentums"), "the pair leaves no trace"


def test_subclasses_in_the_keras_way_on_variables():
    optimizer = Momentum(0.5)
    a = Variable([1.0])
    optimizer.apply([jnp.ones(1)], [a])
    assert optimizer.momentums[0].numpy().tolist() == [-0.5] and float(optimizer.calls) == 1.0
    optimizer.apply([jnp.ones(1)])
    np.testing.assert_allclose(a.numpy(), 1.0 - 0.5 - (0.45 + 0.25))
    optimizer.learning_rate = 0.0
    optimizer.momentums[0].assign([0.0])
    before = a.numpy()
    optimizer.apply([jnp.ones(1)])
    assert (a.numpy() == before).all()


def test_a_subclass_that_wraps_an_inherited_step():
    class Halved(optimizers.Nadam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / 2, variable, learning_rate)

    class HalvedKeras(keras.optimizers.Nadam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / 2, variable, learning_rate)

    want, got = keras_run(HalvedKeras(0.1, epsilon=0.1))[0], our_run(Halved(0.1, epsilon=0.1))[0]
    chex.assert_trees_all_close(got, want, atol=1e-5)


def test_subclasses_as_a_rule():
    class Signed(optimizers.Optimizer):
        power: float = 1.0

        def slots(self, p, leaf):
            return {"last": jnp.zeros_like(p)}

        def rule(self, g, p, s, lr):
            return -lr * jnp.sign(g) * jnp.abs(g) ** self.power, {"last": g}

    optimizer = Signed(0.5, power=0.5, clipvalue=4.0)
    params = {"w": jnp.zeros(2)}
    updates, state = jax.jit(optimizer.update)({"w": jnp.array([-9.0, 1.0])}, optimizer.init(params), params)
    assert updates["w"].tolist() == [1.0, -0.5] and state["slots"]["last"]["w"].tolist() == [-4.0, 1.0]
    assert Signed.from_config(optimizer.get_config()).power == 0.5
    with pytest.raises(NotImplementedError, match="must define `rule`"):
        optimizers.Optimizer(0.1).update(params, optimizers.Optimizer(0.1).init(params), params)
