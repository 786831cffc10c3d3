"""The same models in PyTorch, with the weights of a model of fkeras, and the loop that PyTorch's users write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def tensor(a: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(a))


def fill(into: torch.Tensor, a: Any) -> None:
    with torch.no_grad():
        into.copy_(tensor(a))


def dense(w: Any) -> nn.Linear:
    kernel, bias = next(w), next(w)
    layer = nn.Linear(*kernel.shape)
    fill(layer.weight, kernel.T)
    fill(layer.bias, bias)
    return layer


def conv(w: Any, bias: bool = True, **told: Any) -> nn.Module:
    kernel = next(w)
    make = nn.Conv2d if kernel.ndim == 4 else nn.Conv1d
    layer = make(kernel.shape[-2], kernel.shape[-1], kernel.shape[0], bias=bias, **told)
    fill(layer.weight, np.moveaxis(kernel, (-1, -2), (0, 1)))
    if bias:
        fill(layer.bias, next(w))
    return layer


def embedding(w: Any) -> nn.Embedding:
    return nn.Embedding.from_pretrained(tensor(next(w)), freeze=False)


def recurrent(kind: Any, w: Any, both: bool = False) -> nn.Module:
    """An nn.LSTM, nn.GRU or nn.RNN; where Keras has one bias, the second one stays zero."""
    found = [[next(w), next(w), next(w)] for _ in range(1 + both)]
    layer = kind(found[0][0].shape[0], found[0][1].shape[0], batch_first=True, bidirectional=both)
    for (kernel, inner, bias), end in zip(found, ("", "_reverse"), strict=False):
        kernel, inner, bias = (gates(kind, a) for a in (kernel, inner, bias))
        fill(getattr(layer, f"weight_ih_l0{end}"), kernel.T)
        fill(getattr(layer, f"weight_hh_l0{end}"), inner.T)
        two = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        fill(getattr(layer, f"bias_ih_l0{end}"), two[0])
        fill(getattr(layer, f"bias_hh_l0{end}"), two[1])
        getattr(layer, f"bias_hh_l0{end}").requires_grad_(bias.ndim == 2)
    return layer


def gates(kind: Any, a: np.ndarray) -> np.ndarray:
    """In the order of PyTorch: a GRU has its reset gate first."""
    if kind is not nn.GRU:
        return a
    z, r, h = np.split(a, 3, -1)
    return np.concatenate([r, z, h], -1)


class Sequence(nn.Module):
    """A recurrent layer between words or numbers and a Dense."""

    def __init__(self, w: Any, kinds: list[Any], words: bool = False, both: bool = False, every: bool = False):
        super().__init__()
        self.words = embedding(w) if words else None
        self.loops = nn.ModuleList(recurrent(kind, w, both) for kind in kinds)
        self.head, self.every, self.both = dense(w), every, both

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self.words is None else self.words(x)
        for loop in self.loops:
            x, last = loop(x)
        if self.every:
            return self.head(x)
        last = last[0] if isinstance(last, tuple) else last
        return self.head(torch.cat([last[0], last[1]], -1) if self.both else last[0])


class Block(nn.Module):
    """The transformer block, by nn.MultiheadAttention."""

    def __init__(self, w: Any):
        super().__init__()
        q, bq, k, bk, v, bv, o, bo = (next(w) for _ in range(8))
        size = q.shape[0]
        self.attention = nn.MultiheadAttention(size, q.shape[1], batch_first=True)
        fill(self.attention.in_proj_weight, np.concatenate([a.reshape(size, -1).T for a in (q, k, v)]))
        fill(self.attention.in_proj_bias, np.concatenate([a.ravel() for a in (bq, bk, bv)]))
        fill(self.attention.out_proj.weight, o.reshape(-1, size).T)
        fill(self.attention.out_proj.bias, bo)
        self.first = self.norm(w, size)
        self.wide, self.narrow = dense(w), dense(w)
        self.second, self.head = self.norm(w, size), dense(w)

    @staticmethod
    def norm(w: Any, size: int) -> nn.LayerNorm:
        layer = nn.LayerNorm(size)
        fill(layer.weight, next(w))
        fill(layer.bias, next(w))
        return layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x + self.attention(x, x, x, need_weights=False)[0])
        y = self.second(y + self.narrow(F.relu(self.wide(y))))
        return self.head(y.mean(1))


class Swap(nn.Module):
    """Between channels last and channels first."""

    def __init__(self, *order: int):
        super().__init__()
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(*self.order)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class Max(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.max(2).values


def norm_2d(w: Any) -> nn.BatchNorm2d:
    scale, _shift, _mean, _variance = (next(w) for _ in range(4))
    return nn.BatchNorm2d(len(scale), eps=1e-3, momentum=0.01)


def cnn(w: Any) -> nn.Module:
    return nn.Sequential(
        Swap(0, 3, 1, 2), conv(w), nn.ReLU(), nn.MaxPool2d(2), conv(w), nn.ReLU(), nn.MaxPool2d(2),
        Swap(0, 2, 3, 1), nn.Flatten(), dense(w),
    )  # fmt: skip


def same(w: Any, stride: int) -> list[nn.Module]:
    """"same" padding as in Keras: for even sizes and strides of 2 the odd zero is at the end."""
    pad = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    return [*pad, conv(w, bias=False, stride=stride, padding=0 if stride == 2 else 1), norm_2d(w), nn.ReLU()]


MODELS: dict[str, Callable[[Any], nn.Module]] = {
    "MLP": lambda w: nn.Sequential(dense(w), nn.ReLU(), dense(w)),
    "wide MLP, dropout": lambda w: nn.Sequential(
        dense(w), nn.ReLU(), nn.Dropout(0.2), dense(w), nn.ReLU(), nn.Dropout(0.2), dense(w)
    ),
    "CNN": cnn,
    "LSTM": lambda w: Sequence(w, [nn.LSTM]),
    "Embedding, LSTM": lambda w: Sequence(w, [nn.LSTM], words=True),
    "language model, 2 LSTM": lambda w: Sequence(w, [nn.LSTM, nn.LSTM], words=True, every=True),
    "transformer block": Block,
    "GRU": lambda w: Sequence(w, [nn.GRU]),
    "SimpleRNN": lambda w: Sequence(w, [nn.RNN]),
    "Bidirectional LSTM": lambda w: Sequence(w, [nn.LSTM], both=True),
    "masked LSTM": lambda w: Sequence(w, [nn.LSTM], words=True),  # no word is 0 here: nothing is masked
    "Conv1D": lambda w: nn.Sequential(
        Swap(0, 2, 1), conv(w), nn.ReLU(), nn.MaxPool1d(2), conv(w), nn.ReLU(), Max(), dense(w)
    ),
    "CNN, strides, same, BatchNormalization": lambda w: nn.Sequential(
        Swap(0, 3, 1, 2), *same(w, 1), *same(w, 2), *same(w, 2), Mean(), dense(w)
    ),
}


def epoch_of(name: str, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, size: int) -> Callable[[], float]:
    """An epoch of the loop, shuffled unless `order` is given; returns the mean loss."""
    model = MODELS[name](iter(weights))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3, eps=1e-7)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y).long()

    def epoch(shuffle: bool = True) -> float:
        order, total = torch.randperm(len(inputs)) if shuffle else torch.arange(len(inputs)), 0.0
        for rows in order.split(size):
            optimizer.zero_grad()
            logits = model(inputs[rows])
            loss = F.cross_entropy(logits.flatten(0, -2), labels[rows].flatten())
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / len(inputs)

    model.train()
    return epoch
