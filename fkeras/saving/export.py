"""Models as programs: one file that runs without fkeras, and without the Python that made it.

A file is a zip archive of `model.json` (which says everything), `weights.bin` (raw bytes) and
`program.bin` (StableHLO, as `jax.export` serializes it). This reads one, with JAX, NumPy
and the small package flatbuffers, by which `jax.export` reads programs:

    import json, zipfile
    import jax, numpy as np
    from jax import export

    def load(path):
        with zipfile.ZipFile(path) as file:
            told, raw = json.loads(file.read("model.json")), file.read("weights.bin")
            program = export.deserialize(bytearray(file.read("program.bin")))
        weights, at = [], 0
        for _, dtype, shape in told["weights"]:
            count = int(np.prod(shape))
            weights.append(np.frombuffer(raw, np.dtype(dtype), count, at).reshape(shape))
            at += weights[-1].nbytes
        call = jax.jit(program.call)
        return lambda *inputs: call(weights, list(inputs))  # a list of arrays in, a list of arrays out

An exported program is code: `fkeras.saving.load_exported` verifies checksums and refuses programs
that call back into the host, but what a program computes is up to who made it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from .. import atomic, facade, graph, packed, spec, storey
from ..masking import values_of
from . import onnx, saved_model
from .archive import Archive
from .errors import DamagedFileError, UnsafeModelError

FORMAT, VERSION = "fkeras.export", 1
PLATFORMS = ("cpu", "cuda", "tpu")
MEMBERS = JSON, WEIGHTS, PROGRAM = "model.json", "weights.bin", "program.bin"
MOST_JSON = 1 << 24
CALLS = re.compile(  # what a program may ask of its platform: linear algebra, random bits, hints; never the host
    r"(lapack|cusolver|hipsolver|cusparse|hipsparse)_\w+|(cu|hip)_(threefry2x32|lu_pivots_to_permutation)\w*"
    r"|stablehlo\.\w+|mhlo\.\w+|Sharding|SPMD\w+|shape_assertion|annotate_device_placement|ApproxTopK"
    r"|Eigh|Qr|LuDecomposition|ProductOfElementaryHouseholderReflectors|AllocateBuffer|mosaic_gpu_v2|tpu_custom_call"
)
OTHERS = ("onnx", "tf_saved_model")  # written by packages of others, if they are there
ELSEWHERE = {"openvino": "OpenVINO", "litert": "LiteRT", "torch": "PyTorch"}


# --- writing ----------------------------------------------------------------------------------


def export_model(
    model: Any, filepath: Any, format: str = "stablehlo", verbose: bool | None = None, input_signature: Any = None,
    platforms: Any = PLATFORMS, **kwargs: Any,
) -> None:  # fmt: skip
    """Writes what a model computes at rest to a file, for any batch size: see `fkeras.saving.export`.

    format: "stablehlo", which JAX runs; "onnx" (needs the package jax2onnx), "tf_saved_model" (needs TensorFlow). Those
        of other libraries are refused, with what to do instead.
    input_signature: shapes and dtypes of the inputs: specs, symbols or arrays; None sizes may be any. The model's own
        by default.
    platforms: where it can run, of "cpu", "cuda", "rocm", "tpu"; for "stablehlo".
    opset_version: of ONNX.

    Raises ImportError if a package is missing; ValueError for a model that has no values yet, keeps state from call to
    call, or reads text.
    """
    known = {"onnx": ("opset_version",)}.get(format, ())
    if format not in ("stablehlo", *OTHERS):
        raise elsewhere(format)
    if unknown := [name for name in kwargs if name not in known]:
        raise TypeError(
            f"export: unknown argument {unknown[0]!r} for format {format!r}; it knows {(*known, 'platforms')[0]}=."
        )
    platforms = (platforms,) if isinstance(platforms, str) else tuple(platforms)
    inputs = signature_of(model, input_signature)
    if any(getattr(part, "stateful", False) for part in storey.subtree(model)):
        raise ValueError(f"{model!r} keeps state from call to call (stateful=True), which an exported program cannot.")
    params, state = facade.gather(model)
    paths, weights = (
        zip(*jax.tree_util.tree_leaves_with_path((params, state)), strict=True) if params or state else ((), ())
    )
    form, shape = jax.tree.structure((params, state)), jax.tree.structure(inputs)

    def run(weights: Any, leaves: Any) -> Any:
        params, state = jax.tree.unflatten(form, weights)
        return values_of(model.apply(params, state, jax.tree.unflatten(shape, leaves), training=False)[0])

    def flat(weights: Any, leaves: Any) -> list[Any]:
        return jax.tree.leaves(run(weights, leaves))

    host = [np.ascontiguousarray(w) for w in weights]
    if format == "onnx":
        onnx.write(filepath, model.name, lambda leaves: flat(host, leaves), jax.tree.leaves(inputs), **kwargs)
        return tell(model, filepath, "onnxruntime", verbose)
    if format == "tf_saved_model":
        saved_model.write(filepath, flat, host, jax.tree.leaves(inputs))
        return tell(model, filepath, "TensorFlow", verbose)
    program, outputs = trace(model, run, weights, jax.tree.leaves(inputs), platforms)
    names = [jax.tree_util.keystr(path[1:], simple=True, separator="/") for path in paths]
    raw = b"".join(w.tobytes() for w in host)
    told = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "platforms": list(platforms),
        "inputs": nest_of(inputs),
        "outputs": nest_of(outputs),
        "weights": [[n, w.dtype.name, list(w.shape)] for n, w in zip(names, host, strict=True)],
        "sha256": {WEIGHTS: hashlib.sha256(raw).hexdigest(), PROGRAM: hashlib.sha256(program).hexdigest()},
    }
    write(filepath, {JSON: json.dumps(told, indent=1).encode(), WEIGHTS: raw, PROGRAM: program})
    tell(model, filepath, ", ".join(platforms), verbose)


def tell(model: Any, filepath: Any, where: str, verbose: bool | None) -> None:
    """Says what was written."""
    if verbose or verbose is None:
        print(f"Saved {model.name!r} to {os.fspath(filepath)!r} for {where}.")


def write(filepath: Any, members: dict[str, bytes]) -> None:
    """Writes the archive, whole or not at all, the same bytes for the same model."""
    with atomic.writing(filepath) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data)


def elsewhere(format: Any) -> ValueError:
    """What to do for a format that others write."""
    if format not in ELSEWHERE:
        return ValueError(f"export: unknown format {format!r}; fkeras writes 'stablehlo', 'onnx' and 'tf_saved_model'.")
    name, library = repr(format), ELSEWHERE[format]
    return ValueError(
        f"export: fkeras writes 'stablehlo', 'onnx' and 'tf_saved_model'; it cannot write for {library} "
        f"(format={name}). Keras can, and reads the same files: model.save('m.keras'), then, where Keras and {library} "
        f"are installed, keras.saving.load_model('m.keras').export('m', format={name})."
    )


def signature_of(model: Any, given: Any) -> Any:
    """The inputs of a model as a nest of specs."""
    known = model._known_specs()
    if not model._face.filled and known is None:
        raise ValueError(f"{model!r} has no values yet: call it on data, or build it, and export it then.")
    facade.ensure(model, None, {})
    if given is None:
        args = known[0] if known is not None else jax.tree.map(any_batch, model._face.specs[0])
        given = args[0] if len(args) == 1 else list(args)
    elif isinstance(given, (list, tuple)) and len(given) == 1:
        given = given[0]

    def as_spec(x: Any) -> spec.Spec:
        if not hasattr(x, "shape") or not hasattr(x, "dtype"):
            raise ValueError(f"input_signature takes specs, symbols or arrays; got {x!r}.")
        found = spec.Spec((d if isinstance(d, int) else None for d in x.shape), x.dtype or "float32")
        if spec.is_text_dtype(found.dtype):
            raise ValueError(
                f"{model!r} reads text, which is turned into numbers on the host: export what comes behind."
            )
        return found

    return jax.tree.map(as_spec, given, is_leaf=lambda x: graph.is_symbol(x) or hasattr(x, "shape"))


def any_batch(x: spec.Spec) -> spec.Spec:
    """A spec for any number of rows: that of the first call says nothing of others."""
    return spec.Spec((None, *x.shape[1:]), x.dtype)


def trace(model: Any, run: Any, weights: Any, inputs: list[Any], platforms: Any) -> tuple[bytes, Any]:
    """(serialized program, specs of its outputs); unknown sizes are tried as independent, then as equal by axis."""
    held = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in weights]
    error: Exception | None = None
    for alike in (False, True):
        try:
            given = with_symbols(inputs, alike)
            outputs = jax.eval_shape(run, held, given)
            flat = jax.jit(lambda weights, leaves: jax.tree.leaves(run(weights, leaves)))
            made = export.export(flat, platforms=platforms)(held, given)
            return bytes(made.serialize()), jax.tree.map(spec.of, outputs)
        except ImportError as raised:
            raise ImportError("export needs the package flatbuffers: pip install flatbuffers.") from raised
        except Exception as raised:
            error = raised
            if not any(None in x.shape for x in inputs):
                break
    raise ValueError(
        f"{model!r} cannot be exported for inputs {inputs}: {error}. If a size must be known, pass "
        "input_signature= with numbers in place of None."
    ) from error


def with_symbols(inputs: list[Any], alike: bool) -> list[jax.ShapeDtypeStruct]:
    """Specs in which every unknown size is a symbol: the batch is one for all inputs, others too if they are alike."""
    names = {(i, axis): "batch" if axis == 0 else f"size{axis}" + ("" if alike else f"_{i}")
             for i, x in enumerate(inputs) for axis, d in enumerate(x.shape) if d is None}  # fmt: skip
    symbols: dict[str, Any] = {}
    if names:
        every = sorted(set(names.values()))
        symbols = dict(zip(every, export.symbolic_shape(", ".join(every)), strict=True))
    return [
        jax.ShapeDtypeStruct([symbols[names[i, axis]] if d is None else d for axis, d in enumerate(x.shape)], x.dtype)
        for i, x in enumerate(inputs)
    ]


def nest_of(tree: Any) -> Any:
    """A nest of specs as JSON: {"list": ...}, {"dict": ...}, or {"shape": ..., "dtype": ...}."""
    if isinstance(tree, dict):
        return {"dict": {k: nest_of(tree[k]) for k in sorted(tree)}}
    if isinstance(tree, (list, tuple)):
        return {"list": [nest_of(v) for v in tree]}
    return {"shape": list(tree.shape), "dtype": np.dtype(tree.dtype).name}


# --- reading ----------------------------------------------------------------------------------


class Exported:
    """A program that was read from a file: call it on arrays, as the model was called.

    inputs, outputs: nests of specs. platforms: where it can run. weights: by name.
    """

    def __init__(self, told: dict[str, Any], weights: dict[str, np.ndarray], program: Any):
        self.name, self.platforms, self.weights = told["name"], tuple(told["platforms"]), weights
        self.inputs, self.outputs = specs_from(told["inputs"]), specs_from(told["outputs"])
        self._values = [jnp.asarray(w) for w in weights.values()]
        self._call = jax.jit(program.call)

    def __repr__(self) -> str:
        return f"Exported({self.name!r}, inputs={self.inputs}, outputs={self.outputs})"

    def __call__(self, inputs: Any) -> Any:
        """The outputs for inputs in the nest that the model took; raises ValueError if they do not fit."""
        wanted = jax.tree.structure(self.inputs)
        found = jax.tree.leaves(inputs)
        if jax.tree.structure(inputs) != wanted and len(found) != wanted.num_leaves:
            raise ValueError(f"{self!r} takes {wanted.num_leaves} inputs; got {len(found)}.")
        leaves = [fitted(self, x, want) for x, want in zip(found, jax.tree.leaves(self.inputs), strict=True)]
        return jax.tree.unflatten(jax.tree.structure(self.outputs), self._call(self._values, leaves))


def fitted(program: Exported, x: Any, want: spec.Spec) -> Any:
    """An input as the program takes it."""
    x = jnp.asarray(x, want.dtype)
    if x.ndim != want.ndim or any(w is not None and d != w for d, w in zip(x.shape, want.shape, strict=True)):
        raise ValueError(f"{program!r} expects {want}; got shape {x.shape}.")
    return x


def load_exported(filepath: Any) -> Exported:
    """Reads what `model.export` wrote: checked as a whole before any of it is used.

    Raises DamagedFileError, UnsafeModelError.
    """
    place = os.fspath(filepath)
    with packed.open_file(place) as file, closing(Archive(file, place)) as archive:
        if strange := sorted(set(archive) - set(MEMBERS)):
            raise UnsafeModelError(f"a member {strange[0]!r} that no exported model has", place)
        told = read_told(archive.read(JSON), place)
        parts = {name: archive.read(name) for name in (WEIGHTS, PROGRAM)}
    for name, data in parts.items():
        if hashlib.sha256(data).hexdigest() != told["sha256"][name]:
            raise DamagedFileError("its SHA-256 differs from what model.json says", f"{place}, {name}")
    weights = read_weights(told["weights"], parts[WEIGHTS], f"{place}, {WEIGHTS}")
    return Exported(told, weights, read_program(parts[PROGRAM], told, f"{place}, {PROGRAM}"))


@contextlib.contextmanager
def closing(archive: Archive) -> Iterator[Archive]:
    """Closes an archive at the end."""
    with archive.zip:
        yield archive


def read_told(data: bytes, place: str) -> dict[str, Any]:
    """What model.json says, every part of it checked."""
    where = f"{place}, {JSON}"
    try:
        if len(data) > MOST_JSON:
            raise ValueError(f"{len(data)} bytes")
        told = json.loads(data, object_pairs_hook=packed.unique, parse_constant=packed.refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it cannot be read ({error})", where) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise DamagedFileError(f"it is not of the format {FORMAT}", where)
    if told.get("version") != VERSION:
        raise DamagedFileError(f"version {told.get('version')!r}; this fkeras reads {VERSION}", where)
    rules = {"name": str, "platforms": list, "inputs": dict, "outputs": dict, "weights": list, "sha256": dict}
    for name, kind in rules.items():
        if not isinstance(told.get(name), kind):
            raise DamagedFileError(f"its entry {name!r} is missing or of another kind", where)
    good = all(isinstance(p, str) for p in told["platforms"]) and set(told["sha256"]) == {WEIGHTS, PROGRAM}
    if not (good and is_nest(told["inputs"]) and is_nest(told["outputs"]) and all(map(is_weight, told["weights"]))):
        raise DamagedFileError("one of its entries is not valid", where)
    return told


def is_nest(nest: Any, depth: int = 0) -> bool:
    """Whether this is what `nest_of` writes."""
    if not isinstance(nest, dict) or depth > 50:
        return False
    if set(nest) == {"dict"} and isinstance(nest["dict"], dict):
        return all(is_nest(v, depth + 1) for v in nest["dict"].values())
    if set(nest) == {"list"} and isinstance(nest["list"], list):
        return all(is_nest(v, depth + 1) for v in nest["list"])
    if set(nest) != {"shape", "dtype"} or not isinstance(nest["shape"], list) or len(nest["shape"]) > 32:
        return False
    return is_dtype(nest["dtype"]) and all(d is None or packed.is_size(d) for d in nest["shape"])


def is_dtype(name: Any) -> bool:
    """Whether this names a dtype that a program can have."""
    return isinstance(name, str) and name in packed.DTYPES


def is_weight(row: Any) -> bool:
    """Whether this describes a weight."""
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[0], str) or not is_dtype(row[1]):
        return False
    return isinstance(row[2], list) and len(row[2]) <= 32 and all(map(packed.is_size, row[2]))


def specs_from(nest: dict[str, Any]) -> Any:
    """The nest of specs that JSON describes."""
    if "dict" in nest:
        return {k: specs_from(v) for k, v in nest["dict"].items()}
    return [specs_from(v) for v in nest["list"]] if "list" in nest else spec.Spec(nest["shape"], nest["dtype"])


def read_weights(rows: list[Any], raw: bytes, place: str) -> dict[str, np.ndarray]:
    """The weights, as views of their bytes."""
    weights: dict[str, np.ndarray] = {}
    at = 0
    for name, dtype, shape in rows:
        size = math.prod(shape) * packed.DTYPES[dtype].itemsize
        if at + size > len(raw) or name in weights:
            raise DamagedFileError(f"{name!r} should have {size} bytes from {at} on, of {len(raw)}", place)
        flat = (
            np.frombuffer(raw, packed.DTYPES[dtype], math.prod(shape), at)
            if size
            else np.zeros(0, packed.DTYPES[dtype])
        )
        weights[name] = flat.reshape(shape)
        at += size
    if at != len(raw):
        raise DamagedFileError(f"it has {len(raw)} bytes, the weights {at}", place)
    return weights


def read_program(data: bytes, told: dict[str, Any], place: str) -> Any:
    """The program, if it takes and gives what model.json says, and calls nothing of the host."""
    try:
        program = export.deserialize(bytearray(data))
        text = program.mlir_module()
    except ImportError as error:
        raise ImportError("load_exported needs the package flatbuffers: pip install flatbuffers.") from error
    except Exception as error:
        raise DamagedFileError(f"it is no program that this JAX reads ({str(error)[:200]})", place) from None
    calls = {a or b for a, b in re.findall(r'custom_call\s+@(?:"([^"]+)"|([\w.$-]+))', text)}
    calls |= set(re.findall(r'call_target_name\s*=\s*"([^"]*)"', text))
    if bad := sorted(c for c in calls if not CALLS.fullmatch(c)):
        raise UnsafeModelError(f"a program that calls {bad[0]!r}", place)
    flat = [spec.of(x) for x in program.in_avals]
    rows = [spec.Spec(shape, dtype) for _, dtype, shape in told["weights"]]
    if flat != [*rows, *jax.tree.leaves(specs_from(told["inputs"]))]:
        raise DamagedFileError("the program takes other arrays than model.json says", place)
    if [spec.of(x) for x in program.out_avals] != jax.tree.leaves(specs_from(told["outputs"])):
        raise DamagedFileError("the program returns other arrays than model.json says", place)
    return program
