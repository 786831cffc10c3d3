"""Models as SavedModels of TensorFlow, by `jax.experimental.jax2tf`."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Any

from .. import spec


def write(filepath: Any, run: Any, weights: Any, inputs: list[spec.Spec]) -> None:
    """Writes a function of weights and a list of arrays to a folder, whole or not at all.

    run: (weights, list of arrays) -> list of arrays. inputs: their specs; sizes that are None may be any.
    The folder has the endpoint `serve`, as those of Keras have, and the signature "serving_default".

    Raises ImportError without TensorFlow, FileExistsError if the folder is there and is no SavedModel.
    """
    try:
        import jax.experimental.jax2tf as jax2tf
        import tensorflow as tf  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError("export(format='tf_saved_model') needs a package: pip install tensorflow.") from error
    path = os.path.abspath(os.fspath(filepath))
    if os.path.lexists(path) and not os.path.isfile(os.path.join(path, "saved_model.pb")):
        raise FileExistsError(f"{path} is there already and is no SavedModel.")
    shapes: Any = ["(" + ", ".join(sizes(i, x)) + ",)" if x.shape else "()" for i, x in enumerate(inputs)]
    function = jax2tf.convert(run, polymorphic_shapes=[None, shapes], with_gradient=False)
    module: Any = tf.Module()
    module.kept = [tf.Variable(w, trainable=False) for w in weights]
    signature = [tf.TensorSpec(x.shape, x.dtype, name=f"input_{i}") for i, x in enumerate(inputs)]

    def serve(*given: Any) -> Any:
        return function(module.kept, list(given))

    module.serve = tf.function(serve, input_signature=signature, autograph=False)
    default = tf.function(lambda *given: {f"output_{i}": y for i, y in enumerate(serve(*given))},
                          input_signature=signature, autograph=False)  # fmt: skip
    fresh = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        tf.saved_model.save(module, fresh, signatures={"serving_default": default})
        if os.path.isdir(path):
            shutil.rmtree(path)
        os.replace(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def sizes(number: int, x: spec.Spec) -> list[str]:
    """The sizes of a shape as jax2tf reads them: the batch is one for all inputs."""
    return [
        ("batch" if axis == 0 else f"size{axis}_{number}") if d is None else str(d) for axis, d in enumerate(x.shape)
    ]
