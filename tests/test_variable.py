"""`Variable`: one mutable cell that every array function takes for an array."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fkeras.variable import Variable


@pytest.mark.parametrize(
    "value, dtype", [(3, "int32"), (3.0, "float32"), ([1, 2], "int32"), (np.ones(2), "float32"), (True, "bool")]
)
def test_dtype_is_that_of_the_value(value, dtype):
    assert Variable(value).dtype == dtype


def test_cell_is_an_array_to_operators_and_functions():
    v = Variable([[1.0, 2.0]], name="v")
    assert v.shape == (1, 2) and v.ndim == 2 and v.size == 2 and v.path == "v"
    np.testing.assert_allclose(2 - v * v / 2, [[1.5, 0.0]])
    np.testing.assert_allclose(v @ np.ones((2, 1)), [[3.0]])
    np.testing.assert_array_equal(v[0] > 1, [False, True])
    assert float(jnp.sum(v)) == 3.0 and len(v) == 1 and [float(x) for x in Variable([1, 2])] == [1, 2]
    np.testing.assert_allclose(jax.jit(lambda x: -x)(v), [[-1.0, -2.0]])
    assert "abc"[Variable(1)] == "b" and f"{Variable(2.0):.1f}" == "2.0"


def test_assignment_replaces_the_value_and_refuses_other_shapes():
    v = Variable("zeros", (2,), name="count")
    v.assign_add([1, 2])
    v.assign_sub(Variable(1.0))
    np.testing.assert_array_equal(v.numpy(), [0, 1])
    with pytest.raises(ValueError, match=r"count.*\(2,\).*\(3,\)"):
        v.assign(np.ones(3))
    with pytest.raises(ValueError, match="shape="):
        Variable("zeros")


def test_first_value_is_made_late_and_never_a_tracer():
    v = Variable(lambda shape, dtype: jnp.full(shape, 7, dtype), (2,))
    np.testing.assert_array_equal(jax.jit(lambda: v * 2)(), [14, 14])
    assert isinstance(v.value, jax.Array) and not isinstance(v.value, jax.core.Tracer)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(Variable([1, 2]))), [1, 2])


def test_numbers_are_rounded():
    assert round(Variable(1.2345), 2) == pytest.approx(1.23) and round(Variable(1.6)) == 2
