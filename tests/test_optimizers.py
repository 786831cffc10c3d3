"""Optimizers: the trajectories, variables and configs of Keras; what is refused."""

import json
import pickle
import warnings

import chex
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
from trajectories import keras_run, make, our_run

from fkeras import optimizers
from fkeras.variable import Variable


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
    "Muon": [{}, {"nesterov": False, "rms_rate": None, "exclude_layers": ["kern"], "adam_lr_ratio": 0.5},
             {"ns_steps": 2, "exclude_embeddings": False}],
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
    keras.utils.clear_session()  # its automatic names count up

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
    with pytest.raises(TypeError, match="only floating"):
        optimizers.SGD().init({"step": jnp.zeros(2, int)})
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
