"""Weights in the form of today's layers: kernels as Keras 1 kept them, and recurrent layers of cuDNN.

Keras 1 had an array for each gate, and kernels of images with the channels first in the order
(filters, channels, rows, columns). cuDNN keeps the kernel of each gate transposed, and two biases that it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Arrays = list[np.ndarray]


def today(layer: Any, arrays: Arrays, first: bool) -> Arrays:
    """The weights of a layer as it has them today, in order; what needs no change stays.

    arrays: as Keras 1 or 2 listed them. first: whether it was Keras 1.
    """
    name = type(layer).__name__
    if name == "Bidirectional":
        half = len(arrays) // 2
        sides = (layer.forward_layer, arrays[:half]), (layer.backward_layer, arrays[half:])
        return [array for side, own in sides for array in today(side, own, first)]
    if name == "TimeDistributed":
        return today(layer.layer, arrays, first)
    if hasattr(layer, "walks"):
        return of_model(layer, arrays, first)
    if name == "LSTM":
        return of_cudnn(layer, joined(arrays, (0, 2, 1, 3)), 4)
    if name == "GRU":
        return of_cudnn(layer, joined(arrays, (0, 1, 2)), 3)
    if name == "ConvLSTM2D":
        arrays = joined(arrays, (0, 2, 1, 3))
        kernels = 2
    else:
        kernels = int(name.startswith("Conv"))
    return [kernel_today(layer, a) for a in arrays[:kernels]] + arrays[kernels:] if first else arrays


def of_model(model: Any, arrays: Arrays, first: bool) -> Arrays:
    """The weights of a nested model: trained ones of all its layers first, then the others."""
    trained = arrays[: len(model.trainable_weights)]
    others = arrays[len(trained) :]
    new_trained, new_others = Arrays(), Arrays()
    for layer in model.layers:
        n, m = len(layer.trainable_weights), len(layer.non_trainable_weights)
        made = today(layer, trained[:n] + others[:m], first)
        trained, others = trained[n:], others[m:]
        new_trained, new_others = new_trained + made[:n], new_others + made[n:]
    return new_trained + trained + new_others + others


def joined(arrays: Arrays, gates: Sequence[int]) -> Arrays:
    """Kernel, recurrent kernel and bias from those of each gate.

    gates: their numbers in Keras 1, in the order of today.

    >>> [a.tolist() for a in joined([np.full(1, n) for n in range(9)], (0, 1, 2))]
    [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    """
    if len(arrays) != 3 * len(gates):
        return arrays
    return [np.concatenate([arrays[3 * g + part] for g in gates], -1) for part in range(3)]


def of_cudnn(layer: Any, arrays: Arrays, gates: int) -> Arrays:
    """The weights of a recurrent layer of cuDNN, told by its bias; others stay."""
    if len(arrays) != 3 or arrays[2].shape != (2 * gates * layer.units,):
        return arrays
    kernel = np.hstack([k.reshape(k.shape[::-1]).T for k in np.hsplit(arrays[0], gates)])
    recurrent = np.hstack([k.T for k in np.hsplit(arrays[1], gates)])
    both = arrays[2].reshape(2, -1)
    return [kernel, recurrent, both if getattr(layer, "reset_after", False) else both.sum(0)]


def kernel_today(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """The kernel of a convolution of Keras 1 as (sizes, channels, filters)."""
    name, channels_first = type(layer).__name__, getattr(layer, "data_format", None) == "channels_first"
    if name == "Conv1D" and kernel.ndim == 4:
        (size,) = layer.kernel_size
        turned = kernel.shape[:2] != (size, 1) or kernel.shape[3] != layer.filters
        return (kernel.transpose(2, 3, 1, 0) if turned else kernel)[:, 0]
    if name == "Conv2DTranspose":
        return kernel.transpose((2, 3, 0, 1) if channels_first else (0, 1, 3, 2))
    if channels_first:
        return np.moveaxis(kernel, (1, 0), (-2, -1))
    return kernel
