"""Convolutions of arrays, with the signatures of `keras.ops`; the layers and `fkeras.ops` are written in them.

Each has a plain form, a call of `lax.conv_general_dilated`. On CPUs XLA runs that well forwards, in up to two
dimensions and without groups, and together with what follows it; its gradients are slow, inside a `lax` loop, where
training spends its time, even very slow, while products run near the speed of the machine. The tuned forms use them:

    rows         the windows side by side along the last axis only, and a product for every row of the kernel
    patches      the windows side by side along all axes, and one product: 1x1 kernels, few channels
    mixed        the plain form, whose derivative by the kernel is one of these two, and by the inputs the plain
                 form again, with strides a sum of such
    grouped      one group after the other
    depthwise    a sum of shifted products

All of them can be differentiated forwards and backwards as often as one likes, batched, and exported with a symbolic
batch. A transposed convolution is the transpose of one of these by its inputs. `form_of` chooses.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from . import config, forms, parts, windows
from .traced import is_zero
from .windows import Pads, spread, taps


class Window(NamedTuple):
    """How a kernel slides over the spatial axes."""

    strides: tuple[int, ...]
    pads: Pads
    dilation: tuple[int, ...]


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
    return windows.channels_last(lambda x: transposed(x, kernel, window), x, layout)


# --- the choice -----------------------------------------------------------------------------------

FEW_CHANNELS, FEW_INPUTS = 4, 128  # per window: below, a copy of the windows is small beside the outputs
MANY_TAPS = 64  # above, a program with a term for each of them grows too long


def form_of(x: Any, kernel: Any, groups: int, layout: str) -> Any:
    """The form in which a convolution runs here."""
    n, window, channels = x.ndim - 2, math.prod(kernel.shape[:-2]), kernel.shape[-2]
    if not forms.are_tuned() or not windows.are_known(windows.sizes(x, layout)):
        return lax_form
    if groups > 1 and channels == 1:
        return depthwise_taps if window <= MANY_TAPS else lax_form
    if groups > 1:
        return grouped
    form = product_of(x, kernel)
    return mixed if n <= 2 and window > 1 and x.dtype == jnp.float32 and form is not lax_form else form


def product_of(x: Any, kernel: Any) -> Any:
    """The form in products that a convolution without groups has."""
    n, window, channels = x.ndim - 2, math.prod(kernel.shape[:-2]), kernel.shape[-2]
    if window == 1 or (channels <= FEW_CHANNELS and window * channels <= FEW_INPUTS):
        return patches
    return rows if window // kernel.shape[n - 1] <= MANY_TAPS else lax_form


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
    for axis in reversed(range(x.ndim - 2)):  # one axis after the other: fewer and longer pieces to copy
        x = _joined(_taps(x, kernel, window, [axis]))
    return _product(x, kernel.reshape(-1, kernel.shape[-1])).astype(kernel.dtype)


def rows(x: Any, kernel: Any, window: Window) -> Any:
    """The values along the last axis side by side, times each row of the kernel as a matrix, summed."""
    last = x.ndim - 3
    found = _taps(_joined(_taps(windows.pad(x, window.pads), kernel, window, [last])), kernel, window, range(last))
    matrices = kernel.reshape(len(found), -1, kernel.shape[-1])
    return functools.reduce(lax.add, map(_product, found, matrices)).astype(x.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def mixed(x: Any, kernel: Any, window: Window) -> Any:
    """The definition, with derivatives that are products, or convolutions themselves."""
    y = lax_form(x, kernel, window)
    return itself(y) if x.ndim == 4 and product_of(x, kernel) is rows else y


@functools.partial(mixed.defjvp, symbolic_zeros=True)
def _mixed_jvp(window: Window, primals: Any, tangents: Any) -> Any:
    (x, kernel), (dx, dkernel) = primals, tangents
    form = product_of(x, kernel)
    dense = form is rows and is_dense(kernel, window)
    shared = not dense and not is_zero(dkernel)  # what stands side by side serves y and dkernel
    y = (form if shared else mixed)(x, kernel, window)
    moves = [] if is_zero(dx) else [by_inputs(dx, kernel, window)]
    if not is_zero(dkernel):
        moves.append((by_parts if dense else form)(x, dkernel, window))
    return y, functools.reduce(lax.add, moves) if moves else jnp.zeros_like(y)


def by_parts(x: Any, kernel: Any, window: Window) -> Any:
    """`rows`, over one part of the batch after the other where the windows side by side overflow the caches.

    What stands side by side is made anew where it is used, so that a derivative by the kernel never holds all of it.
    """
    if not windows.are_known(x.shape):
        return rows(x, kernel, window)
    size = math.prod(x.shape[1:]) * kernel.shape[-3] * x.dtype.itemsize
    return parts.over(lambda x: rows(x, kernel, window), parts.count(len(x), size, 2 * parts.CACHED), x)


def is_dense(kernel: Any, window: Window) -> bool:
    """Whether a window covers neighbours, stands at every place, and never in the padding as a whole."""
    inside = all(0 <= p < k for k, pads in zip(kernel.shape, window.pads, strict=False) for p in pads)
    return inside and {*window.strides, *window.dilation} == {1}


def by_inputs(x: Any, kernel: Any, window: Window) -> Any:
    """The definition, in the form whose transpose, from y to x, is fast."""
    form = product_of(x, kernel)
    if form is rows and is_dense(kernel, window):
        form = turned
    elif form is rows and max(window.strides) > 1 and {*window.dilation} == {1}:
        form = phases
    return form(x, kernel, window)


def phases(x: Any, kernel: Any, window: Window) -> Any:
    """Strides as a sum of convolutions without: of every so many positions of x, with every so many of the kernel."""
    n, strides = x.ndim - 2, window.strides
    sizes, whole = [], []
    for size, k, stride, (lo, hi) in zip(x.shape[1:-1], kernel.shape, strides, window.pads, strict=False):
        sizes.append((size + lo + hi - k) // stride + 1)
        whole.append((lo, (sizes[-1] - 1 + -(-k // stride)) * stride - size - lo))
    x, axes = windows.pad(x, tuple(whole)), range(1, 2 * n, 2)
    for axis, stride in zip(axes, strides, strict=True):
        x = windows.fold(x, axis, stride)
    found = []
    for offsets in itertools.product(*map(range, strides)):
        part, own = x, kernel[tuple(slice(o, None, s) for o, s in zip(offsets, strides, strict=True))]
        if own.size:
            for i in reversed(range(n)):
                part = lax.index_in_dim(part, offsets[i], axes[i] + 1, keepdims=False)
                part = lax.slice_in_dim(part, 0, sizes[i] + own.shape[i] - 1, axis=axes[i])
            found.append(turned(part, own, Window((1,) * n, ((0, 0),) * n, (1,) * n)))
    return functools.reduce(lax.add, found)


def turned(x: Any, kernel: Any, window: Window) -> Any:
    """The definition, written so that its transpose, from y to x, is a convolution of the kind that XLA runs fast.

    That one has the kernel reversed, and no padding where this one has the most. So it is reversed here, behind a
    barrier, and back, and what all padding brings along is cut off.
    """
    n = x.ndim - 2
    there = lax.optimization_barrier(jnp.flip(kernel, range(n)).swapaxes(-1, -2))
    data = (0, n + 1, *range(1, n + 1))
    spec = lax.ConvDimensionNumbers(data, (n, n + 1, *range(n)), data)
    most = tuple((k - 1, k - 1) for k in kernel.shape[:n])
    x = itself(x) if n > 1 else x
    y = lax.conv_general_dilated(x, jnp.flip(there, range(n)), (1,) * n, most, dimension_numbers=spec)
    y = lax.optimization_barrier(y)  # or XLA would make the cut a padding again
    for axis, (size, k, (lo, hi)) in enumerate(zip(x.shape[1:-1], kernel.shape, window.pads, strict=False), 1):
        y = lax.slice_in_dim(y, k - 1 - lo, size + hi, axis=axis)
    return y


def itself(y: Any) -> Any:
    """y, as the sum of its halves: a convolution that ends in a sum XLA runs two to seven times as fast as one alone.

    It is its own transpose.
    """
    halves = jnp.broadcast_to((0.5 * y)[..., None], (*y.shape, 2))
    return lax.optimization_barrier(halves).sum(-1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def transposed(x: Any, kernel: Any, window: Window) -> Any:
    """`lax_transposed`, as the transpose of a convolution from the outputs to the inputs."""
    return transposed_as(by_inputs if x.ndim <= 4 and x.dtype == jnp.float32 else rows, x, kernel, window)


@functools.partial(transposed.defjvp, symbolic_zeros=True)
def _transposed_jvp(window: Window, primals: Any, tangents: Any) -> Any:
    (x, kernel), (dx, dkernel) = primals, tangents
    y, by_rows = transposed(x, kernel, window), functools.partial(transposed_as, rows)
    moves = [by_rows(*a, window) for a in ((dx, kernel), (x, dkernel)) if not any(map(is_zero, a))]
    return y, functools.reduce(lax.add, moves) if moves else jnp.zeros_like(y)


def transposed_as(form: Any, x: Any, kernel: Any, window: Window) -> Any:
    """The transpose of a form."""
    pads, sizes = [], []
    for size, k, stride, (lo, hi), dilation in zip(x.shape[1:-1], kernel.shape, *window, strict=False):
        reach, extent = (size - 1) * stride + 1, (k - 1) * dilation + 1
        sizes.append(reach + lo + hi - extent + 1)
        pads.append((extent - 1 - lo, extent - 1 - hi))
    there = Window(window.strides, tuple(pads), window.dilation)
    spec = jax.ShapeDtypeStruct((x.shape[0], *sizes, kernel.shape[-2]), x.dtype)
    return jax.linear_transpose(lambda y: form(y, kernel, there), spec)(x)[0]


def depthwise_taps(x: Any, kernel: Any, window: Window) -> Any:
    """For a kernel (*window, 1, channels * multiplier): a product for every tap, summed."""
    found = _taps(windows.pad(x, window.pads), kernel, window, range(x.ndim - 2))
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


def lax_transposed(x: Any, kernel: Any, window: Window, layout: str = "channels_last") -> Any:
    """The definition: a convolution of the inputs with gaps between them, with the kernel reversed."""
    n = x.ndim - 2
    kernel = jnp.flip(kernel, range(n)).swapaxes(-1, -2)
    data = (0, n + 1, *range(1, n + 1)) if layout == "channels_last" else tuple(range(n + 2))
    spec = lax.ConvDimensionNumbers(data, (n + 1, n, *range(n)), data)
    return lax.conv_general_dilated(x, kernel, (1,) * n, window.pads, window.strides, window.dilation, spec)


# --- parts of them ----------------------------------------------------------------------------------


def _taps(x: Any, kernel: Any, window: Window, axes: Iterable[int]) -> list[Any]:
    """What stands at each position of all windows along some spatial axes."""
    found = [x]
    for i in axes:
        found = [t for y in found for t in taps(y, i + 1, kernel.shape[i], window.strides[i], window.dilation[i])]
    return found


def _joined(found: list[Any]) -> Any:
    """Arrays side by side, in the channels."""
    return jnp.concatenate(found, -1) if len(found) > 1 else found[0]


def _product(x: Any, matrix: Any) -> Any:
    """`x @ matrix` over matrices, which XLA runs faster than over arrays of more axes; summed in 32 bits or more."""
    exact = jnp.promote_types(x.dtype, jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x.dtype
    y = jnp.matmul(x.reshape(-1, x.shape[-1]), matrix, preferred_element_type=exact)
    return y.reshape(*x.shape[:-1], matrix.shape[-1])


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
