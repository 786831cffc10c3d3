"""The Keras face of optimizers: `apply` on variables, learning rates, weights, wrappers, subclasses."""

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
from trajectories import NAMES, data, keras_run, listed, make, nested, our_run

from fkeras import optimizers
from fkeras.variable import Variable

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


def test_a_tree_and_lists_of_its_values():
    """Prepared for a tree, an optimizer still takes lists, and variables, in the order of Keras."""
    rng = np.random.default_rng(1)
    values, grads = ([rng.normal(size=s).astype("float32") for s in ((4, 3), (3,), (5, 2))] for _ in range(2))
    optimizer = optimizers.Adam(0.1, use_ema=True)
    optimizer.prepare(nested(values))
    kept = optimizer.as_list(optimizer.state)
    after, new = jax.jit(optimizer.stateless_apply)(kept, grads, values)
    updates, state = optimizer.update(nested(grads), optimizer.state, nested(values))
    chex.assert_trees_all_close(after, listed(optax.apply_updates(nested(values), updates)), atol=1e-6)
    chex.assert_trees_all_close(optimizer.from_list(new), state, atol=1e-6)
    weights = [Variable(v) for v in values]
    optimizer.apply(grads, weights)
    chex.assert_trees_all_close([w.value for w in weights], after, atol=1e-6)
    with pytest.raises(ValueError, match="received 2 arrays"):
        optimizer.from_list(kept[:2])
    with pytest.raises(ValueError, match="trainable variables"):
        optimizer.stateless_apply(kept, grads[:1], values[:1])
    bare = optimizers.Adam(0.1)
    bare.state = optimizers.Adam(0.1).init(nested(values))
    assert [v.path for v in bare.variables][2:4] == ["adam/dense_bias_momentum", "adam/dense_bias_velocity"]


def test_a_new_learning_rate_compiles_nothing():
    optimizer, params = optimizers.SGD(1.0), {"w": jnp.ones(2)}
    optimizer.prepare(params)
    step = jax.jit(optimizer.update, donate_argnums=1)
    updates, optimizer.state = step(params, optimizer.state, params)
    optimizer.learning_rate = 0.5
    updates, optimizer.state = step(params, optimizer.state, params)
    assert updates["w"].tolist() == [-0.5, -0.5] and step._cache_size() == 1


@pytest.mark.parametrize("name", ["momentum", "adam", "loss scale", "multi"])
def test_a_skeleton_goes_on_without_values(name):
    """What `fit` compiles: a copy with the settings of now, that knows the order of the state."""
    optimizer = {
        "momentum": lambda: Momentum(0.1),
        "adam": lambda: optimizers.AdamW(0.1, weight_decay=0.5),
        "loss scale": lambda: optimizers.LossScaleOptimizer(Momentum(0.1), initial_scale=2.0),
        "multi": lambda: optimizers.MultiOptimizer(
            lambda v: optimizers.SGD(0.1) if v.name == "bias" else Momentum(0.1)
        ),
    }[name]()
    if name == "adam":
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
    if name == "momentum":
        optimizer.momentum = 0.5
    params = nested(data()[0])
    optimizer.prepare(params)
    state = optimizer.state
    for _ in range(2):
        _, state = optimizer.update(params, state, params)
    optimizer.state = state
    want = optimizer.update(params, state, params)
    twin = optimizer.skeleton()
    assert not twin.built and twin.state is None
    optimizer.name = "changed"
    chex.assert_trees_all_close(jax.jit(twin.update)(params, state, params), want, atol=1e-6)
    if name == "adam":
        again = optimizer.replace(learning_rate=0.1).update(params, state, params)
        chex.assert_trees_all_close(again[0], want[0], atol=1e-6)
    if name == "momentum":
        assert twin.momentums == [None] * 3 and twin.calls is None, "a program keeps no values alive"


def test_what_a_training_run_holds_is_fetched_first():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(1.0))
    optimizer.prepare({"w": jnp.ones(2)})
    newer = {**optimizer.state, "dynamic_scale": jnp.asarray(4.0)}
    newer["inner"] = {**newer["inner"], "iterations": jnp.asarray(7)}

    def fetch():
        optimizer.live = None
        optimizer.state = newer

    for read in (lambda: int(optimizer.iterations), lambda: int(optimizer.inner_optimizer.iterations)):
        optimizer.live = fetch
        assert read() == 7
    optimizer.live = fetch
    optimizer.learning_rate = 0.5
    assert int(optimizer.iterations) == 7 and float(optimizer.learning_rate) == 0.5


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
    assert isinstance(optimizers.deserialize(optimizers.serialize(ours)), Momentum)
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
