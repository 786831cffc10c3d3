"""Which of two equal definitions an operation takes: the plain one, or the one that this platform runs fast.

An operation with several forms (a convolution, a pooling) asks `are_tuned()` when it is traced, and chooses among
them by shape, in one function of its own module. The plain form is the definition; every other one is tested equal
to it. To see whether a form is at fault:

    with forms.plain():
        y, _ = layer.apply(params, state, x)     # or trace a function anew: what is compiled already stays

or start the process with the environment variable FKERAS_FORMS=plain.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator

import jax

_PLAIN = contextvars.ContextVar("plain", default=os.environ.get("FKERAS_FORMS") == "plain")


def platform() -> str:
    """Where programs run that are traced now: "cpu", "gpu" or "tpu".

    >>> platform() == jax.default_backend()
    True
    """
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    return getattr(device, "platform", device) or jax.default_backend()


def are_tuned() -> bool:
    """Whether what is traced now takes the forms that are fast on CPUs; other platforms run the plain ones well."""
    return not _PLAIN.get() and platform() == "cpu"


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Within it, what is traced takes the plain forms.

    >>> with plain():
    ...     are_tuned()
    False
    """
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)
