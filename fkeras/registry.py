"""Names <-> objects: the one place that turns settings into JSON and back.

A `Kind` is one closed table of what a setting may name: activations, initializers,
losses, layers, ... A `Configurable` is a dataclass whose fields are its config.
`serialize` and `deserialize` write and read the config form of Keras 3. Nothing here
imports or evaluates what a config says: a name is looked up, or refused.
"""

from __future__ import annotations

import abc
import contextlib
import contextvars
import dataclasses
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard, dataclass_transform

import numpy as np

KINDS: dict[str, Kind] = {}


def snake_case(name: str) -> str:
    """`"BatchNormalization"` -> `"batch_normalization"`, as Keras numbers its layers.

    >>> snake_case("Conv2DTranspose"), snake_case("LSTM")
    ('conv2d_transpose', 'lstm')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().lstrip("_")


def unknown(what: str, name: Any, known: Any) -> ValueError:
    """The error for a name that is in no table: what is known, and the nearest."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"Unknown {what} {name!r}.{hint} Known: {', '.join(known)}.")


class Kind:
    """One closed table of named objects: classes (instantiated on `get`) or functions.

    noun: singular, as in error messages and in the ends of field names
        (`kernel_initializer` holds an `initializer`).
    module: the module that Keras writes into configs; also: others of Keras that its classes come from.
    """

    def __init__(self, noun: str, module: str, *also: str):
        self.noun, self.module, self.modules = noun, module, (module, *also)
        self.table: dict[str, Any] = {}
        self.functions: dict[str, Any] = {}  # also those whose name the table gives to a class
        KINDS[noun] = self

    def register(self, obj: Any, *names: str) -> Any:
        """Adds a class or function under its own name and under `names`."""
        own = (obj.__name__, snake_case(obj.__name__)) if inspect.isclass(obj) else (obj.__name__,)
        for name in (*own, *names):
            self.table.setdefault(name, obj)
            if not inspect.isclass(obj):
                self.functions.setdefault(name, obj)
        return obj

    def get(self, identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """Resolves None, a name, a class, a config or an object to an object.

        Raises ValueError for a name that is not in the table.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = (custom_objects or {}).get(identifier) or lookup_custom(identifier)
            found = self.table.get(identifier) if found is None else found
            if found is None:
                raise unknown(self.noun, identifier, self.table)
            return found() if inspect.isclass(found) else found
        if isinstance(identifier, dict):
            return deserialize(identifier, custom_objects, kind=self)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier) or isinstance(identifier, Configurable):
            return identifier
        raise ValueError(
            f"Cannot read {identifier!r} as {self.noun}: give a name ({', '.join(sorted(self.table)[:4])}, ...), "
            "an object, a function or a config."
        )

    def claim(self, module: str) -> int:
        """How closely a config's module names this kind: the length of the name they share, 0 for none."""
        named = f"{module.replace('keras.src.', 'keras.', 1)}."
        return max(len(m) if named.startswith(f"{m}.") else 0 for m in self.modules)

    def name_of(self, obj: Any) -> str | None:
        """The name under which `obj` itself stands in the table, if it does."""
        name = getattr(obj, "__name__", None)
        if name in self.table and self.table[name] is obj:
            return name
        return next((n for n, o in self.table.items() if o is obj), None)


# --- user-defined names ------------------------------------------------------------------

_USER: dict[tuple[str, str], type] = {}  # classes that user code has defined, by module and name
_REGISTERED: dict[str, Any] = {}  # "package>name" -> object
_SCOPE: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("custom_objects", default=None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: lets configs name this class or function as `package>name`."""

    def decorate(obj: Any) -> Any:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(f"Cannot register {obj}: it has no get_config method.")
        key = f"{package}>{name or obj.__name__}"
        _REGISTERED[key] = obj
        return obj

    return decorate


def get_registered_name(obj: Any) -> str:
    """The `package>name` of a registered object, or its own name."""
    return next((k for k, o in _REGISTERED.items() if o is obj), getattr(obj, "__name__", str(obj)))


def get_registered_object(name: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The object that `name` stands for among custom and registered ones, or None."""
    return (custom_objects or {}).get(name) or lookup_custom(name)


def get_custom_objects() -> dict[str, Any]:
    """The table of registered objects; what is added to it is known everywhere."""
    return _REGISTERED


@contextlib.contextmanager
def custom_object_scope(*custom_objects: dict[str, Any]) -> Iterator[None]:
    """Within the scope, configs may name these objects."""
    merged = dict(_SCOPE.get() or {})
    for objects in custom_objects:
        merged.update(objects or {})
    token = _SCOPE.set(merged)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def lookup_custom(name: str) -> Any:
    """What user code calls `name`: in the innermost scope, or registered."""
    found = (_SCOPE.get() or {}).get(name)
    if found is None:
        found = _REGISTERED.get(name)
    if found is None and isinstance(name, str):
        found = _REGISTERED.get(f"Custom>{name}")
    return found


def custom_names() -> dict[str, Any]:
    """What the innermost scope holds, by name."""
    return dict(_SCOPE.get() or {})


# --- scopes of reading and writing ----------------------------------------------------------

BUILDABLE = frozenset(
    "activation,initializer,regularizer,constraint,policy,loss,metric,optimizer,learning rate schedule,"
    "operation,seed generator,layer,model,feature".split(",")
)  # the kinds that a file may name
_CLOSED: contextvars.ContextVar[bool] = contextvars.ContextVar("closed", default=False)
_SHARED: contextvars.ContextVar[dict[Any, Any] | None] = contextvars.ContextVar("shared", default=None)


@contextlib.contextmanager
def closed_tables() -> Iterator[None]:
    """Within the scope a config names only what may stand in a file: objects of the model, and registered ones."""
    token = _CLOSED.set(True)
    try:
        yield
    finally:
        _CLOSED.reset(token)


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Within the scope an object that is met twice is told by a number, `shared_object_id`, and stays one object."""
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


def tables() -> list[Kind]:
    """The tables that a config may name objects of."""
    return [k for k in KINDS.values() if not _CLOSED.get() or k.noun in BUILDABLE]


# --- configs ------------------------------------------------------------------------------


def is_builtin(cls: type) -> bool:
    """Whether a class is one of this package's own."""
    return cls.__module__.split(".")[0] == "fkeras"


def serialize(value: Any) -> Any:
    """The JSON-able config of a value, in the form of Keras 3; `deserialize` inverts it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Configurable) or (hasattr(value, "get_config") and not inspect.isclass(value)):
        cls = type(value)
        if isinstance(value, Configurable) and is_builtin(cls):
            module, registered = cls.keras_module, None
        else:
            module, registered = cls.__module__, get_registered_name(cls)
        config = {
            "module": module,
            "class_name": cls.__name__,
            "config": value.get_config(),
            "registered_name": registered,
        }
        extra = getattr(value, "extra_config", None)
        return numbered(value, config if extra is None else {**config, **extra()})
    if isinstance(value, (list, tuple)):
        return type(value)(serialize(v) for v in value)
    if isinstance(value, dict):
        return {k: serialize(v) for k, v in value.items()}
    if isinstance(value, slice):
        parts = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": {k: serialize(v) for k, v in parts.items()}}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, np.dtype):
        return value.name
    if not inspect.isclass(value) and hasattr(value, "shape") and hasattr(value, "dtype"):
        return {"class_name": "__numpy__", "config": {"value": np.asarray(value).tolist(), "dtype": str(value.dtype)}}
    if callable(value):
        return serialize_function(value)
    raise TypeError(f"Cannot write {value!r} ({type(value).__name__}) into a config.")


def numbered(value: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The config of an object, with a number if it is met again in a scope of `sharing`."""
    met = _SHARED.get()
    if met is None or (kind := getattr(type(value), "kind", None)) is None or kind.noun not in ("layer", "model"):
        return config
    if id(value) in met:
        first, _ = met[id(value)]
        first["shared_object_id"] = config["shared_object_id"] = list(met).index(id(value)) + 1
    else:
        met[id(value)] = config, value
    return config


def serialize_function(f: Callable[..., Any]) -> dict[str, Any]:
    """The config of a function: its registered name, to be found again by name."""
    name = get_registered_name(f)
    if name == "<lambda>":
        raise ValueError(
            "A lambda has no name that a config could hold. Define it with `def` and pass it as a custom object, "
            "or register it with fkeras.saving.register_keras_serializable."
        )
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _numpy(config: dict[str, Any]) -> np.ndarray:
    return np.asarray(config["value"], dtype=config["dtype"])


_PLAIN: dict[str, Callable[[Any], Any]] = {  # configs of plain values
    "__tuple__": lambda c: tuple(deserialize(v) for v in c["value"]),
    "__slice__": lambda c: slice(*(deserialize(c[k]) for k in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__numpy__": _numpy,
    "__tensor__": _numpy,
}


def is_config(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `value` has the form that `serialize` gives to an object."""
    return isinstance(value, dict) and "class_name" in value and "config" in value


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None, kind: Kind | None = None) -> Any:
    """The object that a config describes.

    custom_objects: names that this call may use beside the built-in and registered ones.
    kind: the table that the object must come from, if the place where it stands decides it.
    Raises ValueError for a name that no table holds.
    """
    if custom_objects:
        with custom_object_scope(custom_objects):
            return deserialize(config, None, kind)
    if isinstance(config, list):
        return [deserialize(v) for v in config]
    if isinstance(config, str) and kind is not None:
        return kind.get(config)
    if not is_config(config):
        return {k: deserialize(v) for k, v in config.items()} if isinstance(config, dict) else config
    name, inner = config["class_name"], config["config"]
    if name in _PLAIN:
        return _PLAIN[name](inner)
    if name == "function":
        return find_function(inner, kind)
    if name == "__lambda__":
        raise ValueError(
            "The config holds the code of a lambda, which is never run. Pass the function as a custom object."
        )
    met, number = _SHARED.get(), config.get("shared_object_id")
    if met is not None and number is not None and (same := met.get(number, met.get(written(config)))) is not None:
        return same
    cls = find_class(config, kind)
    obj = cls.from_config(inner)
    if met is not None and getattr(cls, "kind", None) is not None and cls.kind.noun == "layer":
        met.setdefault(written(config), obj)  # Keras does not always number the first
        if number is not None:
            met[number] = obj
    finish = getattr(obj, "finish_from_config", None)
    if finish is not None:
        finish(config)
    return obj


def written(config: dict[str, Any]) -> str:
    """A config as a text, without the numbers of shared objects."""
    return re.sub(r",? ?'shared_object_id': \d+", "", repr({k: config[k] for k in ("class_name", "config")}))


def find_function(name: str, kind: Kind | None = None) -> Callable[..., Any]:
    """The function that a config names: custom, registered, or in the tables."""
    found = lookup_custom(name)
    tables = [kind] if kind is not None else [k for n in ("activation", "loss", "metric") if (k := KINDS.get(n))]
    if found is None:
        found = next((t.functions[name] for t in tables if name in t.functions), None)
    if found is None or inspect.isclass(found):
        raise ValueError(f"The config names a function {name!r}. Pass it as custom_objects={{{name!r}: ...}}.")
    return found


def find_class(config: dict[str, Any], kind: Kind | None = None) -> type:
    """The class that a config names: custom, registered, built-in, or defined by user code."""
    name, module = config["class_name"], config.get("module") or ""
    for key in (config.get("registered_name"), name):
        found = lookup_custom(key) if key else None
        if found is not None:
            return found
    known = [kind] if kind is not None else sorted(tables(), key=lambda k: (-k.claim(module), k.noun == "operation"))
    if module.split(".")[0] in ("", "keras", "fkeras", "builtins", "tensorflow", "tf_keras"):
        for table in known:
            if inspect.isclass(found := table.table.get(name)):
                return found
    found = None if _CLOSED.get() else _USER.get((module, name))
    if found is not None and (kind is None or (issubclass(found, Configurable) and found.kind is kind)):
        return found
    noun = kind.noun if kind is not None else "class"
    near = difflib.get_close_matches(name, [n for t in known for n in t.table], 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"The config names a {noun} {name!r} (module {module or None!r}) that is not known here.{hint} "
        f"If it is yours, pass custom_objects={{{name!r}: ...}} or register it with "
        "fkeras.saving.register_keras_serializable."
    )


Arguments = tuple[tuple[Any, ...], dict[str, Any]]
readers: list[Callable[[Any, tuple[Any, ...], dict[str, Any]], Arguments]] = []  # of arguments in older spellings


def today(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The arguments for a class or a method in the spelling of today; what no reader knows stays as it is."""
    for read in readers if kwargs else ():
        args, kwargs = read(target, args, kwargs)
    return args, kwargs


class ConfigurableType(abc.ABCMeta):
    """Makes instances: says which arguments are known, and remembers those given."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = today(cls, args, kwargs)
        try:
            bound = arguments_of(cls).bind(None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {_explain(cls, str(error), kwargs)}") from None
        obj = super().__call__(*args, **kwargs)
        vars(obj).setdefault("_init_args", _flat(bound))
        return obj

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's arguments, for messages, `help` and editors."""
        return inspect.Signature(list(arguments_of(cls).parameters.values())[1:])


def arguments_of(cls: type) -> inspect.Signature:
    """What the constructor of a class takes, itself included; read once."""
    return _signature(cls.__init__)


@functools.lru_cache(1024)
def _signature(init: Any) -> inspect.Signature:
    return inspect.signature(init)


def _explain(cls: type, message: str, kwargs: dict[str, Any]) -> str:
    """The complaint about wrong arguments, with the nearest and the known names."""
    names = [n for n in inspect.signature(cls).parameters if n not in ("args", "kwargs", "_")]
    wrong = next((k for k in kwargs if k not in names), None)
    message = message if wrong is None else f"got an unexpected keyword argument {wrong!r}"
    near = difflib.get_close_matches(wrong, names, 1) if wrong else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{message}.{hint} Arguments: {', '.join(names)}."


def _flat(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Arguments by name, without the instance, with **kwargs merged in."""
    args = dict(bound.arguments)
    args.pop(next(iter(bound.signature.parameters)), None)
    for p in bound.signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            args.update(args.pop(p.name, {}))
    return args


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Configurable(metaclass=ConfigurableType):
    """A dataclass whose fields are its config; identity, not value, makes two equal.

    A subclass with an `__init__` of its own is left as it is (Keras style); its config
    is what it was called with, unless it overrides `get_config`.
    """

    kind: Any = None  # the table of its family
    keras_module: Any = None  # the module that Keras writes into configs

    def __init_subclass__(
        cls, kind: Kind | None = None, module: str | None = None, names: tuple[str, ...] = (), **kwargs: Any
    ):
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind
        if module is not None or kind is not None:
            cls.keras_module = module or (kind.module if kind else None)
        if "__init__" not in vars(cls) and not keeps_init(cls):
            dataclasses.dataclass(eq=False, repr=False)(cls)
        if not is_builtin(cls):
            _USER[cls.__module__, cls.__name__] = cls
        elif cls.kind is not None and not cls.__name__.startswith("_"):
            cls.kind.register(cls, *names)

    def __post_init__(self) -> None:
        for f in settings(type(self)):
            if (kind := kind_of(f.name)) is not None:
                object.__setattr__(self, f.name, kind.get(getattr(self, f.name)))

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values; `from_config` inverts it."""
        names = {f.name: getattr(self, f.name) for f in settings(type(self)) if f.metadata.get("config", True)}
        if custom_init(type(self)):
            names.update({k: v for k, v in vars(self)["_init_args"].items() if k not in names or hasattr(self, k)})
        return {k: serialize_setting(k, v) for k, v in names.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object with these settings."""
        return cls(**{k: deserialize(v) if needs_reading(k, v) else v for k, v in config.items()})

    def replace(self, **changes: Any) -> Any:
        """A copy with some settings changed; it shares no values with this one."""
        return type(self)(**{**given(self), **changes})

    def __repr__(self) -> str:
        if custom_init(type(self)):
            shown = vars(self).get("_init_args", {})
        else:
            default = {f.name: f for f in settings(type(self)) if f.repr}
            shown = {
                n: getattr(self, n, None)
                for n, f in default.items()
                if not is_default(type(self), f, getattr(self, n, None))
            }
        return f"{type(self).__name__}({', '.join(f'{k}={short(v)}' for k, v in shown.items())})"


def given(obj: Configurable) -> dict[str, Any]:
    """The arguments that make an object like this one."""
    return (
        vars(obj)["_init_args"]
        if custom_init(type(obj))
        else {f.name: getattr(obj, f.name) for f in settings(type(obj))}
    )


def settings(cls: type) -> list[dataclasses.Field]:
    """The fields of a Configurable that its constructor takes."""
    return [f for f in dataclasses.fields(cls) if f.init] if dataclasses.is_dataclass(cls) else []


def keeps_init(cls: type) -> bool:
    """Whether a new class keeps the hand-written `__init__` it inherits: it has no settings of its own to add."""
    owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
    own = [n for n, a in inspect.get_annotations(cls).items() if "ClassVar" not in str(a)]
    return owner is not object and custom_init(owner) and (not own or not is_builtin(owner))


@functools.cache
def custom_init(cls: type) -> bool:
    """Whether a class has, or inherits from user code, an `__init__` in the Keras style."""
    owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
    return not dataclasses.is_dataclass(owner) or "__dataclass_fields__" not in vars(owner)


def kind_of(field: str) -> Kind | None:
    """The kind that a field's name ends with: `bias_initializer` -> initializers."""
    kind = KINDS.get(field.rpartition("_")[2])
    return kind if kind is not None and kind.noun in SETTINGS else None


SETTINGS = ("activation", "initializer", "regularizer", "constraint")


def needs_reading(field: str, value: Any) -> bool:
    """Whether a config value is itself a config that the constructor does not read."""
    return kind_of(field) is None and isinstance(value, (dict, list)) and field != "dtype"


def serialize_setting(field: str, value: Any) -> Any:
    """Like `serialize`, but functions of a known kind become their names, tuples stay."""
    kind = kind_of(field)
    if kind is not None and callable(value) and not isinstance(value, Configurable):
        return kind.name_of(value) or serialize(value)
    if isinstance(value, tuple):
        return tuple(serialize_setting("", v) for v in value)
    return serialize(value)


def is_default(cls: type, field: dataclasses.Field, value: Any) -> bool:
    """Whether a setting has the value that the class gives it."""
    if field.default is dataclasses.MISSING:
        return False
    filled = field.metadata.get("filled")  # what the constructor puts in the place of None
    if value is field.default or (filled is not None and value == filled()):
        return True
    if isinstance(value, tuple) and value and value == (field.default,) * len(value):  # one number, said for every axis
        return True
    try:
        kind = kind_of(field.name)
        default = kind.get(field.default) if kind else field.default
        return bool(serialize_setting(field.name, value) == serialize_setting(field.name, default))
    except Exception:  # a value that cannot be written is not the default
        return False


def short(value: Any) -> str:
    """A setting in a line of a repr."""
    if callable(value) and hasattr(value, "__name__"):
        return repr(value.__name__)
    if hasattr(value, "shape"):
        return f"array{tuple(value.shape)}"
    return repr(value)
