"""The graphs of Keras 2 as those of Keras 3: how calls are counted and written, and functions of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..graph import FIXED

RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional")
CONSTANT = "_CONSTANT_VALUE"

# What TensorFlow's functions are here: (operation, its settings by TensorFlow's names of them, other arguments)
Rule = tuple[str, dict[str, str], tuple[str, ...]]
OF_TWO = {
    "math.add": "Add", "__operators__.add": "Add", "math.multiply": "Multiply", "math.subtract": "Subtract",
    "math.truediv": "TrueDivide", "math.divide": "Divide", "math.pow": "Power", "math.maximum": "Maximum",
    "math.minimum": "Minimum", "math.floordiv": "FloorDivide", "math.floormod": "Mod", "math.greater": "Greater",
    "math.less": "Less",
}  # fmt: skip
OF_ONE = {
    "math.negative": "Negative", "math.exp": "Exp", "math.log": "Log", "math.sqrt": "Sqrt", "math.rsqrt": "Rsqrt",
    "math.square": "Square", "math.abs": "Absolute", "math.sigmoid": "Sigmoid", "nn.sigmoid": "Sigmoid",
    "math.tanh": "Tanh", "nn.tanh": "Tanh", "math.sin": "Sin", "math.cos": "Cos", "nn.relu": "Relu",
    "nn.relu6": "Relu6", "nn.silu": "Silu", "nn.swish": "Silu", "nn.elu": "Elu", "math.softplus": "Softplus",
    "nn.softplus": "Softplus",
}  # fmt: skip
REDUCTIONS = {f"math.reduce_{name.lower()}": name for name in ("Mean", "Sum", "Max", "Min", "Prod")}
RULES: dict[str, Rule] = {
    **{name: (made, {}, ("y",)) for name, made in OF_TWO.items()},
    **{name: (made, {}, ()) for name, made in OF_ONE.items()},
    **{name: (made, {"axis": "axis", "keepdims": "keepdims"}, ()) for name, made in REDUCTIONS.items()},
    "linalg.matmul": ("Matmul", {}, ("b",)),
    "nn.softmax": ("Softmax", {"axis": "axis"}, ()),
    "nn.leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}, ()),
    "nn.gelu": ("Gelu", {"approximate": "approximate"}, ()),
    "reshape": ("Reshape", {"shape": "newshape"}, ()),
    "expand_dims": ("ExpandDims", {"axis": "axis"}, ()),
    "squeeze": ("Squeeze", {"axis": "axis"}, ()),
    "compat.v1.squeeze": ("Squeeze", {"axis": "axis"}, ()),
    "transpose": ("Transpose", {"perm": "axes"}, ()),
    "compat.v1.transpose": ("Transpose", {"perm": "axes"}, ()),
    "concat": ("Concatenate", {"axis": "axis"}, ()),
    "stack": ("Stack", {"axis": "axis"}, ()),
    "tile": ("Tile", {"multiples": "repeats"}, ()),
    "cast": ("Cast", {"dtype": "dtype"}, ()),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}, ()),
    "__operators__.getitem": ("GetItem", {}, ("slice_spec",)),
}
SILENT = {"conjugate": (False,), "transpose_a": (False,), "transpose_b": (False,)}
DEFAULTS = {"nn.leaky_relu": {"alpha": 0.2}}  # of TensorFlow, where those of the operation differ


def today(graph: dict[str, Any]) -> None:
    """Changes the config of a graph in place."""
    renumber(graph)
    layers = [layer for layer in graph["layers"] if isinstance(layer, dict)]
    names = {layer.get("name") for layer in layers}
    for layer in layers:
        nodes = layer.get("inbound_nodes")
        if isinstance(nodes, list) and isinstance(layer.get("config"), dict):
            layer["inbound_nodes"] = [as_call(node, layer.get("class_name"), names) for node in nodes]
            if layer.get("class_name") in ("TFOpLambda", "SlicingOpLambda"):
                as_operation(layer)


# --- how calls are counted -------------------------------------------------------------------


def renumber(graph: dict[str, Any]) -> None:
    """Lets the calls of each nested model be counted from 0, in place.

    Keras 2 counted the call by which a model itself was made, and left it out of the file.

    >>> graph = {"layers": [{"name": "m", "config": {"layers": []}, "inbound_nodes": [[["x", 0, 0]]]}],
    ...          "output_layers": [["m", 1, 0]]}
    >>> renumber(graph); graph["output_layers"]
    [['m', 0, 0]]
    """
    layers = [layer for layer in graph["layers"] if isinstance(layer, dict)]
    nested = {
        layer.get("name"): len(layer.get("inbound_nodes") or ())
        for layer in layers
        if isinstance(layer.get("config"), dict) and "layers" in layer["config"]
    }
    nodes = [layer.get("inbound_nodes") for layer in layers]
    found = [end for end in ends([nodes, graph.get("output_layers")]) if end[0] in nested]
    for name, calls in nested.items():
        own = [end for end in found if end[0] == name]
        if own and max(end[1] for end in own) == calls and min(end[1] for end in own) > 0:
            for end in own:
                end[1] -= 1


def ends(tree: Any) -> Iterator[list[Any]]:
    """The references [name, number of the call, number of the output, ...] in a nest of lists and dicts."""
    if is_end(tree):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from ends(part)


def is_end(value: Any, names: Any = None) -> bool:
    """Whether a value is a reference, to a layer of these names."""
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return False
    return type(value[1]) is int and (names is None or value[0] in names or value[0] == CONSTANT)


# --- how they are written ------------------------------------------------------------------------


def as_call(node: Any, kind: Any, names: Any) -> Any:
    """A call as Keras 3 writes it: {"args": ..., "kwargs": ...}; what is none stays as it is.

    >>> call = as_call([["x", 0, 0, {}], ["h", 0, 1, {}]], "GRU", {"x", "h"})
    >>> call["kwargs"]["initial_state"]["config"]
    {'keras_history': ['h', 0, 1]}
    """
    nodes = [node] if is_end(node, names) else node
    if not isinstance(nodes, list) or not nodes or not all(is_end(end, names) for end in nodes):
        return node
    told = nodes[0][3] if len(nodes[0]) > 3 and isinstance(nodes[0][3], dict) else {}
    kwargs = {key: refer(value, names) for key, value in told.items()}
    args = [refer(end, names) for end in nodes]
    if kind in RECURRENT and len(args) > 1:
        kwargs["initial_state"] = args[1] if len(args) == 2 else args[1:]
        args = args[:1]
    fixed = {FIXED: True} if isinstance(kwargs.get("training"), bool) else {}
    return {"args": args if len(args) == 1 else [args], "kwargs": kwargs, **fixed}


def refer(value: Any, names: Any) -> Any:
    """A nest with the references in it as Keras 3 writes them."""
    if is_end(value, names):
        if value[0] == CONSTANT:
            return value[2]
        return {"class_name": "__keras_tensor__", "config": {"keras_history": value[:3]}}
    if isinstance(value, list):
        return [refer(v, names) for v in value]
    return {k: refer(v, names) for k, v in value.items()} if isinstance(value, dict) else value


def as_operation(layer: dict[str, Any]) -> None:
    """Makes an operation of a function of TensorFlow, in place, if it is one that is known and called once."""
    function, calls = layer["config"].get("function"), layer["inbound_nodes"]
    if function not in RULES or len(calls) != 1 or not isinstance(calls[0], dict):
        return
    made, settings, others = RULES[function]
    kwargs = {**DEFAULTS.get(function, {}), **calls[0]["kwargs"]}
    kwargs = {k: v for k, v in kwargs.items() if not (k == "name" or v in SILENT.get(k, ()))}
    if kwargs.keys() - settings.keys() - set(others):
        return
    args = [*calls[0]["args"], *(sliced(kwargs[name]) for name in others if name in kwargs)]
    told = {settings[key]: value for key, value in kwargs.items() if key in settings}
    layer.update(
        module="keras.src.ops.numpy", class_name=made, registered_name=made,
        config={"name": layer["config"].get("name", layer.get("name")), **told},
        inbound_nodes=[{"args": args, "kwargs": {}}],
    )  # fmt: skip


def sliced(value: Any) -> Any:
    """What stands between brackets: numbers, slices, ..."""
    if isinstance(value, list):
        return [sliced(v) for v in value]
    if isinstance(value, dict) and value.keys() == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    return value
