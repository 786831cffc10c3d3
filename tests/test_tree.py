"""`fkeras.tree` and `fkeras.backend` against Keras."""

from __future__ import annotations

import collections
import inspect

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fkeras
from fkeras import backend, tree

Point = collections.namedtuple("Point", "x y")
leaves = st.one_of(st.integers(), st.none(), st.text(max_size=2))
nests = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(collections.OrderedDict),
        st.lists(inner, max_size=3).map(collections.deque),
        st.tuples(inner, inner).map(lambda t: Point(*t)),
    ),
    max_leaves=8,
)


@given(nests)
def test_every_nest_as_keras_has_it(nest):
    assert tree.is_nested(nest) == keras.tree.is_nested(nest)
    assert tree.flatten(nest) == keras.tree.flatten(nest)
    assert tree.flatten_with_path(nest) == keras.tree.flatten_with_path(nest)
    numbers = list(range(len(tree.flatten(nest))))
    assert same(tree.pack_sequence_as(nest, numbers), keras.tree.pack_sequence_as(nest, numbers))
    assert same(tree.lists_to_tuples(nest), keras.tree.lists_to_tuples(nest))
    for none_is_leaf in (True, False):
        have, want = (t.map_structure(lambda x: [x], nest, none_is_leaf=none_is_leaf) for t in (tree, keras.tree))
        assert same(have, want)
    assert same(*(t.map_structure(lambda a, b: (a, b), nest, nest) for t in (tree, keras.tree)))
    assert same(*(t.map_shape_structure(lambda x: 7, nest) for t in (tree, keras.tree)))


@given(nests, nests)
def test_two_nests_differ_where_keras_says_so(a, b):
    for check in ("assert_same_structure", "assert_same_paths"):
        assert raises(getattr(tree, check), a, b) == raises(getattr(keras.tree, check), a, b)


@pytest.mark.parametrize("top_down", [True, False])
def test_traverse_visits_in_keras_order(top_down):
    nest = [(1, 2), [3], {"b": 4, "a": Point(5, None)}]
    ours, theirs = [], []
    tree.traverse(ours.append, nest, top_down)
    keras.tree.traverse(theirs.append, nest, top_down)
    assert ours == theirs
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 3 else None, nest, top_down)[1] == [None]


def test_up_to_a_shallow_structure():
    assert tree.map_structure_up_to([0, (0,)], str, [1, ([2],)]) == ["1", ("[2]",)]
    with pytest.raises(ValueError, match="same nesting"):
        tree.map_structure_up_to([0, [0]], str, [1, 2])


def test_variables_and_masks_are_leaves():
    variable, masked = fkeras.Variable([1.0]), fkeras.Masked(1, 2)
    assert tree.flatten([variable, masked]) == [variable, masked]


def test_refused_in_plain_words():
    with pytest.raises(TypeError, match="maps a function"):
        tree.map_structure(3, [1])
    with pytest.raises(ValueError, match="at least one"):
        tree.map_structure(len)
    with pytest.raises(ValueError, match="2 leaves"):
        tree.pack_sequence_as([0, 0], [1])


def same(a, b):
    """Equal, and of the same types throughout."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple, collections.deque)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def raises(f, *args):
    """Whether a call raises ValueError."""
    try:
        f(*args)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("module", ["tree", "backend"])
def test_the_names_and_signatures_of_keras(module):
    theirs, ours = getattr(keras, module), {"tree": tree, "backend": backend}[module]
    names = {n for n in dir(theirs) if not n.startswith("_") and callable(getattr(theirs, n))}
    assert names == set(ours.__all__)
    for name in names - {"MAP_TO_NONE", "standardize_dtype"}:  # whose argument may be left out here
        want, have = (inspect.signature(getattr(m, name)).parameters.values() for m in (theirs, ours))
        assert [(p.name, p.default) for p in have] == [(p.name, p.default) for p in want], name


DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", int, float, None]


def test_result_types():
    for a in DTYPES:
        for b in DTYPES:
            assert backend.result_type(a, b) == keras.backend.result_type(a, b), (a, b)
        assert backend.result_type(a) == keras.backend.result_type(a)
        assert backend.is_float_dtype(a) == keras.backend.is_float_dtype(a)
        assert backend.is_int_dtype(a) == keras.backend.is_int_dtype(a)
    with pytest.raises(ValueError, match="8-bit"):
        backend.result_type("float8_e4m3fn", "float32")


def test_uids_count_until_the_session_is_cleared():
    assert (backend.get_uid("tree"), backend.get_uid("tree")) == (1, 2)
    backend.clear_session()
    assert backend.get_uid("tree") == 1
