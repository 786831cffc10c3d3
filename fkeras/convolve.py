"""Convolutions of arrays, with the signatures of `keras.ops`; the layers and `fkeras.ops` are written in them.

Each has a plain form, a call of `lax.conv_general_dilated`. XLA's CPU compiler runs that well only with a kernel
"01io" over inputs "b01f", without groups, in up to two dimensions; anything else falls back to loops up to 100
times slower. It rewrites the rest into that layout, but not inside a `lax` loop, where a training program spends its
time and where the gradients of a convolution have other layouts. So the tuned forms say everything in that layout:

    canonical    one convolution, whose derivatives are convolutions of the same layout
    patches      the windows side by side, times the kernel: 1x1 kernels, few channels, float64
    slabs        a 3D convolution as a sum of 2D ones, one for each depth of the kernel
    grouped      one group after the other
    depthwise    a sum of shifted products

All of them are JAX to the bottom: they can be differentiated forwards and backwards as often as one likes, batched,
and exported with a symbolic batch. `form_of` chooses.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from . import config, forms, windows
from .windows import Pads, spread, taps


class Window(NamedTuple):
    """How a kernel slides over the spatial axes."""

    strides: tuple[int, ...]
    pads: Pads
    dilation: tuple[int, ...]

    def tail(self) -> Window:
        """The same on all axes but the first, which is neither padded nor strided any more."""
        return Window(self.strides[1:], self.pads[1:], self.dilation[1:])


# --- the functions --------------------------------------------------------------------------------


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """y[p] = sum over t of x[p * stride + t * dilation] kernel[t]: the cross-correlation that is called convolution.

    Shapes: (batch, *sizes, channels), kernel (*window, channels / groups, filters) -> (batch, *new sizes, filters);
        the channels come second with data_format="channels_first".

    padding: "valid", "same", or pairs of zeros (before, after) for each spatial axis.

    Raises ValueError where the channels are no multiple of the kernel's, or the window does not fit.
    Source: https://arxiv.org/abs/1603.07285

    >>> conv(jnp.arange(4.0).reshape(1, 4, 1), jnp.ones((2, 1, 1)))[0, :, 0].tolist()
    [1.0, 3.0, 5.0]
    """
    layout, x, kernel = _arrays(inputs, kernel, data_format)
    window = _window(x, kernel, strides, padding, layout, dilation_rate)
    channels, own = x.shape[-1 if layout == "channels_last" else 1], kernel.shape[-2]
    if channels % own or kernel.shape[-1] % (channels // own):
        raise ValueError(
            f"Inputs with {channels} channels need a kernel whose channels divide them into groups, and whose filters "
            f"are a multiple of the groups; got a kernel of shape {kernel.shape} (*window, channels / groups, filters)."
        )
    form = form_of(x, kernel, channels // own, layout)
    if form is lax_form:
        return lax_form(x, kernel, window, channels // own, layout)
    return windows.channels_last(lambda x: form(x, kernel, window), x, layout)


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Every channel convolved by itself, with `multiplier` kernels of its own.

    Shapes: (batch, *sizes, channels), kernel (*window, channels, multiplier)
        -> (batch, *new sizes, channels * multiplier).

    >>> depthwise_conv(jnp.ones((1, 4, 2)), jnp.ones((3, 2, 1)))[0].tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    layout, x, kernel = _arrays(inputs, kernel, data_format)
    _check_channels(x, kernel, kernel.shape[-2], layout)
    return conv(x, kernel.reshape(*kernel.shape[:-2], 1, -1), strides, padding, layout, dilation_rate)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: Any = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A depthwise convolution, then a 1x1 convolution that mixes the channels.

    Shapes: (batch, *sizes, channels), (*window, channels, multiplier), (1, ..., channels * multiplier, filters)
        -> (batch, *new sizes, filters).
    Source: https://arxiv.org/abs/1610.02357

    >>> separable_conv(jnp.ones((1, 4, 2)), jnp.ones((3, 2, 1)), jnp.ones((1, 2, 5))).shape
    (1, 2, 5)
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None,
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """The transpose of `conv` as a linear map: y[p * stride + t * dilation] += kernel[t] x[p].

    Shapes: (batch, *sizes, channels), kernel (*window, filters, channels) -> (batch, *new sizes, filters).

    output_padding: how much larger the outputs are than the least they could be; None for the size that a `conv` of
        the same padding would take back to that of the inputs.

    >>> conv_transpose(jnp.ones((1, 2, 1)), jnp.ones((2, 1, 1)), strides=2)[0, :, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    layout, x, kernel = _arrays(inputs, kernel, data_format)
    _check_channels(x, kernel, kernel.shape[-1], layout)
    n = x.ndim - 2
    strides, dilation = spread(strides, n, "strides"), spread(dilation_rate, n, "dilation_rate")
    more = output_padding if isinstance(output_padding, (tuple, list)) else (output_padding,) * n
    places = zip(kernel.shape[:n], strides, dilation, more, strict=True)
    pads = tuple(_transposed_pads(*place, padding) for place in places)
    window = Window(strides, pads, dilation)
    if not forms.are_tuned() or not windows.are_known(windows.sizes(x, layout)):
        return lax_transposed(x, kernel, window, layout)
    form = scattered_slabs if n == 3 else canonical_transposed
    return windows.channels_last(lambda x: form(x, kernel, window), x, layout)


# --- the choice -----------------------------------------------------------------------------------

FEW_CHANNELS, FEW_INPUTS = 4, 128  # per window: below, a copy of the windows is small beside the outputs
MANY_TAPS = 64  # of a depthwise kernel: above, a program with a term for each tap grows too long


def form_of(x: Any, kernel: Any, groups: int, layout: str) -> Any:
    """The form in which a convolution runs here."""
    n, window, channels = x.ndim - 2, math.prod(kernel.shape[:-2]), kernel.shape[-2]
    if not forms.are_tuned() or not windows.are_known(windows.sizes(x, layout)) or n > 3:
        return lax_form
    if groups > 1 and channels == 1:
        return depthwise_taps if window <= MANY_TAPS else lax_form
    if groups > 1:
        return grouped
    few = channels <= FEW_CHANNELS and window * channels <= FEW_INPUTS
    if window == 1 or few or x.dtype == jnp.float64:  # of float64 XLA has fast products, but no fast convolution
        return patches
    return slabs if n == 3 else canonical


# --- the forms; but for `lax_form`, over channels last ---------------------------------------------


def lax_form(x: Any, kernel: Any, window: Window, groups: int = 1, layout: str = "channels_last") -> Any:
    """The definition."""
    n = x.ndim - 2
    data = (0, n + 1, *range(1, n + 1)) if layout == "channels_last" else tuple(range(n + 2))
    spec = lax.ConvDimensionNumbers(data, (n + 1, n, *range(n)), data)
    return lax.conv_general_dilated(x, kernel, window.strides, window.pads, None, window.dilation, spec, groups)


def patches(x: Any, kernel: Any, window: Window) -> Any:
    """The values under each window side by side, times the kernel as a matrix."""
    x = windows.pad(x, window.pads)
    for axis in reversed(range(x.ndim - 2)):
        found = taps(x, axis + 1, kernel.shape[axis], window.strides[axis], window.dilation[axis])
        x = jnp.concatenate(found, -1) if len(found) > 1 else found[0]
    return lax.dot_general(x, kernel.reshape(-1, kernel.shape[-1]), (((x.ndim - 1,), (0,)), ((), ())))


def depthwise_taps(x: Any, kernel: Any, window: Window) -> Any:
    """For a kernel (*window, 1, channels * multiplier): a product for every tap, summed."""
    found = [windows.pad(x, window.pads)]
    for axis, place in enumerate(zip(kernel.shape[:-2], window.strides, window.dilation, strict=True), 1):
        found = [t for y in found for t in taps(y, axis, *place)]
    scales = kernel.reshape(len(found), x.shape[-1], -1)
    y = functools.reduce(lax.add, [t[..., None] * s for t, s in zip(found, scales, strict=True)])
    return y.reshape(*y.shape[:-2], kernel.shape[-1])


def grouped(x: Any, kernel: Any, window: Window) -> Any:
    """One group of channels after the other."""
    own = kernel.shape[-2]
    groups = x.shape[-1] // own
    xs = jnp.moveaxis(x.reshape(*x.shape[:-1], groups, own), -2, 0)
    kernels = jnp.moveaxis(kernel.reshape(*kernel.shape[:-1], groups, -1), -2, 0)
    form = form_of(xs[0], kernels[0], 1, "channels_last")
    y = jnp.moveaxis(lax.map(lambda xk: form(*xk, window), (xs, kernels)), 0, -2)
    return y.reshape(*y.shape[:-2], kernel.shape[-1])


def slabs(x: Any, kernel: Any, window: Window) -> Any:
    """A 3D convolution as a sum of 2D ones: one for each depth of the kernel, over all depths of the input at once."""
    x = windows.pad(x, (window.pads[0], *((0, 0),) * (x.ndim - 3)))
    found = taps(x, 1, kernel.shape[0], window.strides[0], window.dilation[0])
    parts = [_at_all_depths(canonical, t, k, window.tail()) for t, k in zip(found, kernel, strict=True)]
    return functools.reduce(lax.add, parts)


def scattered_slabs(x: Any, kernel: Any, window: Window) -> Any:
    """A transposed 3D convolution as 2D ones, each added at the depths that its part of the kernel reaches."""
    (stride, *_), ((lo, hi), *_), (dilation, *_) = window
    depth, last = kernel.shape[0], (kernel.shape[0] - 1) * dilation

    def part(i: int) -> Any:
        y = _at_all_depths(canonical_transposed, x, kernel[i], window.tail())
        start = i * dilation + lo - last
        edges = (start, lo + hi - last - start, stride - 1)
        return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), edges, *((0, 0, 0),) * (y.ndim - 2)])

    return functools.reduce(lax.add, map(part, range(depth)))


def _at_all_depths(form: Any, x: Any, kernel: Any, window: Window) -> Any:
    """A 2D convolution of every slice through a volume."""
    y = form(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), kernel, window)
    return y.reshape(*x.shape[:2], *y.shape[1:])


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def canonical(x: Any, kernel: Any, window: Window) -> Any:
    """The definition, its linear parts written so that JAX's transposes of them have its layout too."""
    return lax_form(x, kernel, window)


@functools.partial(canonical.defjvp, symbolic_zeros=True)
def _canonical_jvp(window: Window, primals: Any, tangents: Any) -> Any:
    (x, kernel), (dx, dkernel) = primals, tangents
    n = x.ndim - 2
    outer, inner, data = _layouts(n)

    def along(x: Any, kernel: Any, *layouts: Any) -> Any:
        strides, pads, dilation = window
        spec = lax.ConvDimensionNumbers(*layouts)
        return lax.conv_general_dilated(x, kernel, strides, pads, None, dilation, spec)

    parts = []
    if not _is_zero(dx):  # b01f, 01oi -> b01f; its transpose is b01f, 01io -> b01f
        parts.append(along(dx, kernel.swapaxes(-1, -2), data, inner, data))
    if not _is_zero(dkernel):  # f01b, i01o -> 01bf; its transpose is b01f, 01io -> b01f
        y = along(_swap_ends(x), jnp.moveaxis(dkernel, -2, 0), outer, outer, inner)
        parts.append(jnp.moveaxis(y, -2, 0))
    return _with_tangent(canonical(x, kernel, window), parts)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def canonical_transposed(x: Any, kernel: Any, window: Window) -> Any:
    """`lax_transposed`, with linear parts like those of `canonical`."""
    return lax_transposed(x, kernel, window)


@functools.partial(canonical_transposed.defjvp, symbolic_zeros=True)
def _canonical_transposed_jvp(window: Window, primals: Any, tangents: Any) -> Any:
    (x, kernel), (dx, dkernel) = primals, tangents
    n = x.ndim - 2
    strides, pads, dilation = window
    axes, ones = range(n), (1,) * n
    _, inner, data = _layouts(n)
    spec = lax.ConvDimensionNumbers(data, inner, data)
    y = canonical_transposed(x, kernel, window)
    parts = []
    if not _is_zero(dx):
        parts.append(lax.conv_general_dilated(dx, jnp.flip(kernel, axes), ones, pads, strides, dilation, spec))
    if not _is_zero(dkernel):  # the kernel slides over the inputs: its gradient is that of a strided convolution
        edges = []
        for i in axes:
            reach, size = (x.shape[i + 1] - 1) * strides[i], (kernel.shape[i] - 1) * dilation[i]
            lo = reach - size + pads[i][0]
            edges.append((lo, y.shape[i + 1] - 1 - size - lo + reach))
        flipped = jnp.flip(jnp.moveaxis(x, 0, -2), axes)
        dy = lax.conv_general_dilated(jnp.moveaxis(dkernel, -2, 0), flipped, ones, edges, dilation, strides, spec)
        parts.append(_swap_ends(dy))
    return _with_tangent(y, parts)


def lax_transposed(x: Any, kernel: Any, window: Window, layout: str = "channels_last") -> Any:
    """The definition: a convolution of the inputs with gaps between them, with the kernel reversed."""
    n = x.ndim - 2
    kernel = jnp.flip(kernel, range(n)).swapaxes(-1, -2)
    data = (0, n + 1, *range(1, n + 1)) if layout == "channels_last" else tuple(range(n + 2))
    spec = lax.ConvDimensionNumbers(data, (n + 1, n, *range(n)), data)
    return lax.conv_general_dilated(x, kernel, (1,) * n, window.pads, window.strides, window.dilation, spec)


# --- parts of them ----------------------------------------------------------------------------------


def _layouts(n: int) -> tuple[tuple[int, ...], ...]:
    """Places of (batch or outputs, features or inputs, *spatial): "f01b" and "i01o"; "01bf" and "01oi"; "b01f"."""
    space = tuple(range(1, n + 1))
    return (n + 1, 0, *space), (n, n + 1, *range(n)), (0, n + 1, *space)


def _swap_ends(x: Any) -> Any:
    """The first and the last axis in each other's place."""
    return jnp.swapaxes(x, 0, -1)


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def _with_tangent(y: Any, parts: list[Any]) -> Any:
    """(y, the sum of the parts)."""
    return y, functools.reduce(lax.add, parts) if parts else jnp.zeros_like(y)


def _arrays(inputs: Any, kernel: Any, data_format: str | None) -> tuple[str, Any, Any]:
    """(layout, inputs in the dtype of the kernel, kernel)."""
    kernel = jnp.asarray(kernel)
    x = jnp.asarray(inputs, kernel.dtype)
    if x.ndim < 3 or kernel.ndim != x.ndim:
        raise ValueError(
            "A convolution takes inputs of rank 3 or more and a kernel of the same rank; "
            f"got shapes {x.shape} and {kernel.shape}."
        )
    return config.standardize_data_format(data_format), x, kernel


def _check_channels(x: Any, kernel: Any, wanted: int, layout: str) -> None:
    have = x.shape[-1 if layout == "channels_last" else 1]
    if have != wanted:
        raise ValueError(
            f"A kernel of shape {kernel.shape} is for inputs with {wanted} channels; got shape {x.shape} ({layout})."
        )


def _window(x: Any, kernel: Any, strides: Any, padding: Any, layout: str, dilation_rate: Any) -> Window:
    n = x.ndim - 2
    strides, dilation = spread(strides, n, "strides"), spread(dilation_rate, n, "dilation_rate")
    extents = extents_of(kernel.shape[:n], dilation)
    return Window(strides, windows.pads_of(padding, windows.sizes(x, layout), extents, strides), dilation)


def extents_of(window: Any, dilation: Any) -> tuple[int, ...]:
    """How many positions a window covers on each axis.

    >>> extents_of((3, 2), (1, 4))
    (3, 5)
    """
    return tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))


def _transposed_pads(size: int, stride: int, dilation: int, more: int | None, padding: str) -> tuple[int, int]:
    """The zeros before and after one axis of the inputs with gaps."""
    extent = (size - 1) * dilation + 1
    if padding.lower() == "valid":
        return extent - 1, extent - 1 + (max(stride - extent, 0) if more is None else more)
    if padding.lower() != "same":
        raise ValueError(f"padding must be 'valid' or 'same'; got {padding!r}.")
    total = stride + extent - 2 if more is None else extent + extent % 2 - 2 + more
    lo = min(total - total // 2, extent - 1)
    return lo, total - lo
