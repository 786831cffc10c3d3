"""`FeatureSpace`: the columns of a table as vectors, each by a recipe of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import layers, registry
from ..layer import Layer
from ..layers.preprocessing.lookup import Lookup
from ..models.model import Model
from ..reading import as_data

HOME = "keras.src.layers.preprocessing.feature_space"
KIND = registry.Kind("feature", HOME)


class _Recipe(registry.Configurable, kind=KIND):
    def extra_config(self) -> dict[str, Any]:
        """What Keras writes beside the config."""
        return {"registered_name": type(self).__name__}


class Cross(_Recipe):
    """Several features hashed together.

    >>> Cross(("a", "b"), crossing_dim=8).name
    'a_X_b'
    """

    feature_names: Any
    crossing_dim: int
    output_mode: str = "one_hot"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.feature_names = tuple(self.feature_names)
        _check_mode(self, ("int", "one_hot"))

    @property
    def name(self) -> str:
        """The names of the features, with `_X_` between them."""
        return "_X_".join(self.feature_names)


class Feature(_Recipe):
    """One column: its dtype, the layer that prepares it, and how its output is encoded.

    output_mode: `"one_hot"` encodes the whole numbers that the layer puts out; `"int"` and `"float"` leave them.
    """

    dtype: str
    preprocessor: Any
    output_mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self.preprocessor = registry.deserialize(self.preprocessor)
        _check_mode(self, ("int", "one_hot", "float"))


def _check_mode(recipe: Any, known: tuple[str, ...]) -> None:
    if recipe.output_mode not in known:
        raise ValueError(
            f"{type(recipe).__name__}: output_mode must be one of {', '.join(map(repr, known))}; got "
            f"{recipe.output_mode!r}."
        )


class TFDIdentity(layers.Identity, module=HOME):
    """Hands numbers through, under the name that Keras saves such a feature with."""

    extra_config = _Recipe.extra_config


class FeatureSpace(Model, module="keras.utils"):
    """The columns of a table, in a dict, as one vector, or as a dict of vectors.

    features: {name: recipe}, a recipe being `"float"`, `"float_normalized"`, `"float_rescaled"`,
        `"float_discretized"`, `"integer_categorical"`, `"string_categorical"`, `"integer_hashed"`,
        `"string_hashed"`, what the methods of these names return, or
        `FeatureSpace.feature(dtype, layer, output_mode)` for a layer of your own.
    output_mode: `"concat"` for one vector, `"dict"` for a dict.
    crosses: tuples of names of features that are hashed together, or `FeatureSpace.cross(...)`.
    crossing_dim, hashing_dim, num_discretization_bins: sizes, for recipes that give none.

    It is a model between symbols: `get_inputs()` and `get_encoded_features()` build a larger one.

    Raises ValueError where it is used before `adapt(data)`, if a recipe needs that.

    >>> space = FeatureSpace({"size": "float_normalized", "colour": "string_categorical"})
    >>> space.adapt({"size": [1.0, 3.0], "colour": ["red", "blue"]})
    >>> space({"size": [1.0, 3.0], "colour": ["blue", "green"]}).tolist()
    [[0.0, 0.0, 1.0, -1.0], [1.0, 0.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        features: dict[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("FeatureSpace needs features: a dict {name: recipe}.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(f"FeatureSpace: output_mode must be 'concat' or 'dict'; got {output_mode!r}.")
        self.output_mode, self.crossing_dim = output_mode, crossing_dim
        self.hashing_dim, self.num_discretization_bins = hashing_dim, num_discretization_bins
        self.features = {name: self._recipe(name, given) for name, given in features.items()}
        self.crosses = [self._cross(given) for given in crosses or ()]
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {c.name: layers.HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.one_hot_encoders: dict[str, Layer] = {}
        self._adapted = False
        vars(self)["is_bound"] = False

    # --- recipes -------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features to be hashed together."""
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A feature with a layer of your own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return _feature("float32", TFDIdentity(dtype="float32", name=_named(name, "float")), "float", name)

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Numbers, as scale x + offset."""
        rescaling = layers.Rescaling(scale=scale, offset=offset, name=_named(name, "float_rescaled"))
        return _feature("float32", rescaling, "float", name)

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1."""
        normal = layers.Normalization(axis=-1, name=_named(name, "float_normalized"))
        return _feature("float32", normal, "float", name)

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Numbers as the bins they fall into."""
        named = _named(name, "float_discretized")
        binned = layers.Discretization(num_bins=num_bins, bin_boundaries=bin_boundaries, name=named)
        return _feature("float32", binned, output_mode, name)

    @classmethod
    def integer_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:  # fmt: skip
        """Whole numbers as indices of those that `adapt` found."""
        lookup = layers.IntegerLookup(max_tokens, num_oov_indices, name=_named(name, "integer_categorical"))
        return _feature("int32", lookup, output_mode, name)

    @classmethod
    def string_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:  # fmt: skip
        """Strings as indices of those that `adapt` found."""
        lookup = layers.StringLookup(max_tokens, num_oov_indices, name=_named(name, "string_categorical"))
        return _feature("string", lookup, output_mode, name)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Strings as numbers of bins, by their hash."""
        return _feature("string", layers.Hashing(num_bins, name=_named(name, "string_hashed")), output_mode, name)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Whole numbers as numbers of bins, by their hash."""
        return _feature("int32", layers.Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode, name)

    def _recipe(self, name: str, given: Any) -> Feature:
        given = registry.deserialize(given) if isinstance(given, dict) else given
        if isinstance(given, Feature):
            return given
        sizes = {
            "float_discretized": (self.num_discretization_bins,),
            "integer_hashed": (self.hashing_dim,),
            "string_hashed": (self.hashing_dim,),
        }
        if given not in RECIPES:
            raise registry.unknown(f"recipe of feature {name!r}", given, RECIPES)
        return getattr(type(self), given)(*sizes.get(given, ()), name=name)

    def _cross(self, given: Any) -> Cross:
        given = registry.deserialize(given) if isinstance(given, dict) else given
        if not isinstance(given, Cross):
            if not self.crossing_dim:
                raise ValueError(f"FeatureSpace: the cross {given!r} needs crossing_dim, the size of its vector.")
            given = Cross(given, crossing_dim=self.crossing_dim)
        if unknown := [n for n in given.feature_names if n not in self.features]:
            raise ValueError(f"FeatureSpace: the cross {given.name!r} names {unknown}, which are no features.")
        return given

    # --- adapting ------------------------------------------------------------------------------

    def _adaptable(self) -> list[str]:
        def fixed(layer: Any) -> bool:
            return getattr(layer, "input_mean", None) is not None or (isinstance(layer, Lookup) and layer.words.given)

        return [
            name
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and not fixed(layer) and getattr(layer, "num_bins", 1) is not None
        ]

    def adapt(self, dataset: Any) -> None:
        """Shows the data to every layer that learns from it.

        dataset: a dict of columns, or something that yields such dicts, of one row or of a batch of rows.
        """
        if isinstance(dataset, dict):
            columns = {name: as_data(column) for name, column in dataset.items()}
            rows: list[Any] = [
                {n: c[i : i + 32] for n, c in columns.items()} for i in range(0, max(map(len, columns.values())), 32)
            ]
        else:
            rows = [row[0] if isinstance(row, tuple) else row for row in dataset]
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError("FeatureSpace.adapt takes a dict of columns, or something that yields dicts.")
        for name in self._adaptable():
            if name not in rows[0]:
                raise ValueError(f"FeatureSpace.adapt: the data has no column {name!r}; it has {sorted(rows[0])}.")
            self.preprocessors[name].adapt(list(_batches([as_data(row[name]) for row in rows])))
        self._adapted = True
        self._wire()

    def _wire(self) -> None:
        """Makes the graph from the columns to the vectors."""
        if not self._adapted and (waiting := self._adaptable()):
            raise ValueError(f"{self.name} learns {', '.join(waiting)} from data: call adapt(data) before it is used.")
        self._adapted = True
        symbols = {n: layers.Input((1,), dtype=f.dtype, name=n) for n, f in self.features.items()}
        prepared = {n: self.preprocessors[n](symbols[n]) for n in symbols}
        crossed = {c.name: self.crossers[c.name]([prepared[n] for n in c.feature_names]) for c in self.crosses}
        recipes: dict[str, Any] = {**self.features, **{c.name: c for c in self.crosses}}
        found = {**{n: prepared[n] for n in sorted(prepared)}, **{n: crossed[n] for n in sorted(crossed)}}
        self.one_hot_encoders = {}
        encoded = {n: self._encoded(n, recipes[n].output_mode, x) for n, x in found.items()}
        if self.output_mode == "concat":
            for n, x in encoded.items():
                if not str(x.dtype).startswith(("float", "bfloat")):
                    raise ValueError(
                        f"{self.name}: the feature {n!r} has not been encoded (it is {x.dtype}), so it cannot be part "
                        "of one vector; use output_mode='dict'."
                    )
            parts = list(encoded.values())
            encoded = layers.Concatenate(axis=-1)(parts) if len(parts) > 1 else layers.Identity()(parts[0])
        self.connect(symbols, encoded)

    def _encoded(self, name: str, mode: str, x: Any) -> Any:
        """A feature as its recipe wants it encoded."""
        if mode != "one_hot":
            return x
        if not str(x.dtype).startswith("int"):
            raise ValueError(
                f"{self.name}: one_hot is for whole numbers, but the feature {name!r} is {x.dtype}: use 'float'."
            )
        layer = self.preprocessors.get(name) or self.crossers[name]
        size = layer.words.foreseen if isinstance(layer, Lookup) else getattr(layer, "num_tokens", None)
        size = size or getattr(layer, "num_bins", None) or (len(getattr(layer, "bin_boundaries", None) or ()) + 1)
        if size == 1 and not hasattr(layer, "num_bins"):
            raise ValueError(
                f"{self.name}: how many categories the feature {name!r} has is not known; use output_mode='int'."
            )
        self.one_hot_encoders[name] = layers.CategoryEncoding(size, "multi_hot")
        return self.one_hot_encoders[name](x)

    # --- use -----------------------------------------------------------------------------------

    @property
    def inputs(self) -> Any:
        """The symbols of the columns by name."""
        return self.get_inputs()

    def get_inputs(self) -> dict[str, Any]:
        """The symbols of the columns by name."""
        if self._network is None:
            self._wire()
        return self.input

    def get_encoded_features(self) -> Any:
        """The symbol of the vector, or the symbols of the vectors by name."""
        if self._network is None:
            self._wire()
        return self.output

    def __call__(self, data: Any, **kwargs: Any) -> Any:
        """The vectors of a dict of columns, or of one row."""
        inputs = self.get_inputs()
        if not isinstance(data, dict):
            raise ValueError(f"{self.name} is called on a dict of columns; got {type(data).__name__}.")
        columns = {n: as_data(x) if not hasattr(x, "shape") else x for n, x in data.items() if n in inputs}
        single = any(len(x.shape) == 0 for x in columns.values())
        columns = {n: x if len(x.shape) > 1 else x.reshape(-1, 1) for n, x in columns.items()}
        out = super().__call__(columns, **kwargs)
        if not single:
            return out
        return out[0] if self.output_mode == "concat" else {n: x[0] for n, x in out.items()}

    def get_config(self) -> dict[str, Any]:
        """The recipes as JSON-able values."""
        sizes = ("output_mode", "crossing_dim", "hashing_dim", "num_discretization_bins")
        recipes = {n: registry.serialize(getattr(self, n)) for n in ("features", "crosses")}
        return {**recipes, **{n: getattr(self, n) for n in sizes}}

    def extra_config(self) -> dict[str, Any]:
        """Whether the data was seen, beside the config."""
        return {"adapted": self._adapted}

    def finish_from_config(self, config: dict[str, Any]) -> None:
        """Makes the graph, if the data was seen; what was learned of it follows."""
        if config.get("adapted"):
            self._adapted = True
            self._wire()


RECIPES = (
    *("float", "float_rescaled", "float_normalized", "float_discretized"),
    *("integer_categorical", "string_categorical", "integer_hashed", "string_hashed"),
)


def _named(name: str | None, recipe: str) -> str:
    return f"{name or recipe}_preprocessor"


def _feature(dtype: str, layer: Any, output_mode: str, name: str | None) -> Feature:
    """A feature whose layer is numbered where it is used, unless it was given a name."""
    layer._face.auto_named = name is None
    return Feature(dtype, layer, output_mode)


def _batches(columns: list[np.ndarray]) -> Iterator[np.ndarray]:
    """One column as batches of shape (rows, 1): single values 32 at a time, flat batches as they are."""
    if columns[0].ndim:
        yield from (c[:, None] if c.ndim == 1 else c for c in columns)
        return
    for i in range(math.ceil(len(columns) / 32)):
        yield np.stack(columns[32 * i : 32 * i + 32])[:, None]
