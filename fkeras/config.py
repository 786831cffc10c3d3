"""The few process-wide defaults of Keras: float type, epsilon, image layout, dtype policy.

They are read when a layer, loss or metric is *made*, never while one runs, so a
function that was compiled keeps the meaning it had.
"""

from __future__ import annotations

import os
from typing import Any

import jax

FLOATS = ("float16", "bfloat16", "float32", "float64")
LAYOUTS = ("channels_last", "channels_first")

_defaults: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "dtype_policy": None,
    "interactive_logging": True,
    "traceback_filtering": True,
    "flash_attention": None,
    "max_epochs": None,
    "max_steps_per_epoch": None,
}


def backend() -> str:
    """The name of the backend: always `"jax"`."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accepts `"jax"` and refuses every other backend."""
    if backend != "jax":
        raise ValueError(f"fkeras runs on JAX alone; set_backend({backend!r}) is not possible.")


def floatx() -> str:
    """The default float type, `"float32"` unless set.

    >>> floatx()
    'float32'
    """
    return _defaults["floatx"]


def set_floatx(value: str) -> None:
    """Sets the default float type: one of float16, bfloat16, float32, float64."""
    if value not in FLOATS:
        raise ValueError(f"Unknown floatx {value!r}; known: {', '.join(FLOATS)}.")
    _defaults["floatx"] = value


def epsilon() -> float:
    """The small number that losses and metrics add to stay away from zero.

    >>> epsilon()
    1e-07
    """
    return _defaults["epsilon"]


def set_epsilon(value: float) -> None:
    """Sets the small number that losses and metrics use."""
    _defaults["epsilon"] = float(value)


def image_data_format() -> str:
    """`"channels_last"` or `"channels_first"`: the default layout of images."""
    return _defaults["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of images."""
    _defaults["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """The layout that `data_format` names; the default one for None."""
    if data_format is None:
        return image_data_format()
    if str(data_format).lower() not in LAYOUTS:
        raise ValueError(f"Unknown data_format {data_format!r}; known: {', '.join(LAYOUTS)}.")
    return str(data_format).lower()


def keras_home() -> str:
    """The folder where Keras keeps its files: KERAS_HOME, or else `.keras` in the home."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def max_epochs() -> int | None:
    """The most epochs that any `fit` runs, or None for no limit."""
    return _defaults["max_epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Limits every `fit` to this many epochs."""
    _defaults["max_epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """The most steps that any epoch runs, or None for no limit."""
    return _defaults["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limits every epoch of every `fit` to this many steps."""
    _defaults["max_steps_per_epoch"] = max_steps_per_epoch


def keep_compiled(directory: str | None = None) -> str:
    """Keeps compiled programs on disk, so that the next process need not compile them; returns the directory.

    directory: where; `programs` in the directory of `keras_home()` for None. Nobody else should be able to write there:
        what lies in it is run.

    It sets the persistent cache of JAX: programs of every size, however fast they were compiled.
    Source: https://docs.jax.dev/en/latest/persistent_compilation_cache.html

    >>> import tempfile
    >>> folder = keep_compiled(tempfile.mkdtemp())
    >>> jax.config.jax_compilation_cache_dir == folder
    True
    >>> jax.config.update("jax_compilation_cache_dir", None)
    """
    folder = os.path.expanduser(directory or os.path.join(keras_home(), "programs"))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


# --- switches ----------------------------------------------------------------------------------


def enable_flash_attention() -> None:
    """Attention takes the fused kernel of cuDNN, or says why it cannot."""
    _defaults["flash_attention"] = True


def disable_flash_attention() -> None:
    """Attention takes the plain form."""
    _defaults["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """Whether attention takes the fused kernel; None if nothing was said.

    >>> is_flash_attention_enabled() is None
    True
    """
    return _defaults["flash_attention"]


def enable_interactive_logging() -> None:
    """Progress goes to the standard output: the default."""
    _defaults["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Progress goes to the `logging` of Python."""
    _defaults["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress goes to the standard output.

    >>> is_interactive_logging_enabled()
    True
    """
    return _defaults["interactive_logging"]


def enable_traceback_filtering() -> None:
    """Tracebacks leave out the frames of JAX: the default."""
    _filter_tracebacks(True)


def disable_traceback_filtering() -> None:
    """Tracebacks show every frame, those of JAX as well."""
    _filter_tracebacks(False)


def is_traceback_filtering_enabled() -> bool:
    """Whether tracebacks leave out the frames of JAX.

    >>> is_traceback_filtering_enabled()
    True
    """
    return _defaults["traceback_filtering"]


def _filter_tracebacks(filtered: bool) -> None:
    _defaults["traceback_filtering"] = filtered
    jax.config.update("jax_traceback_filtering", "auto" if filtered else "off")


def enable_unsafe_deserialization() -> None:
    """Refused: which file may run code is said file by file, never for all of them.

    Raises NotImplementedError.
    """
    raise NotImplementedError(
        "No switch lets all files run code. Pass the functions that a file names, custom_objects={'name': function}; "
        "or, for one file whose maker you trust, load_model(path, safe_mode=False)."
    )


def is_nnx_enabled() -> bool:
    """False: layers are pairs of functions, not objects of flax.nnx."""
    return False
