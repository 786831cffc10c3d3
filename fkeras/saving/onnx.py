"""Models as ONNX, by the package jax2onnx."""

from __future__ import annotations

from typing import Any

import jax

from .. import atomic, spec


def write(filepath: Any, name: str, run: Any, inputs: list[spec.Spec], opset_version: int | None = None) -> None:
    """Writes a function of a list of arrays to a file, whole or not at all.

    run: list of arrays -> list of arrays. inputs: their specs; sizes that are None may be any.
    opset_version: of ONNX; the one that jax2onnx prefers by default.

    Raises ImportError without jax2onnx, ValueError for what it cannot express.
    """
    try:
        import jax2onnx  # type: ignore[import-not-found]
        from onnx import checker  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError("export(format='onnx') needs a package: pip install jax2onnx.") from error
    given: Any = [jax.ShapeDtypeStruct(sizes(i, x), x.dtype) for i, x in enumerate(inputs)]
    names = [f"input_{i}" if i else "input" for i in range(len(inputs))]
    options = {} if opset_version is None else {"opset": opset_version}
    with atomic.writing(filepath) as temporary:
        try:
            made = jax2onnx.to_onnx(lambda *xs: run(list(xs)), given, model_name=name, input_names=names, **options)
            checker.check_model(made, full_check=True)
        except Exception as error:  # of its own kinds, for each thing that it does not know
            said = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"jax2onnx cannot write {name!r} for inputs {inputs}: {said}. If a size must be known, pass "
                "input_signature= with numbers in place of None."
            ) from error
        with open(temporary, "wb") as file:
            file.write(made.SerializeToString())


def sizes(number: int, x: spec.Spec) -> Any:
    """A shape whose unknown sizes have names: the batch is one for all inputs."""
    return tuple(
        ("batch" if axis == 0 else f"size{axis}_{number}") if d is None else d for axis, d in enumerate(x.shape)
    )
