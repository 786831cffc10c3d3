"""Muon: momentum made orthogonal, for matrices; Adam for everything else."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

import jax.numpy as jnp

from .face import LearningRate
from .norms import norm, root
from .optimizer import Optimizer, Slots
from .step import zeros


class Muon(Optimizer):
    """`p -= lr * orthogonal(m)` for matrices, with `m` the momentum; `AdamW` for all other params.

    Shapes: any tree of params and one of gradients like it.
    exclude_layers: regular expressions; params whose paths match go to Adam, as do paths with
        `embedding` (`exclude_embeddings`). adam_*: the settings of Adam, whose rate is
        `adam_lr_ratio * learning_rate`; weight_decay is that of matrices.
    ns_steps, muon_a, muon_b, muon_c: the Newton-Schulz iteration that orthogonalises.
    rms_rate: scales the step to `rms_rate * sqrt(max(rows, columns))`; None leaves it.
    Raises ValueError for betas and a momentum outside [0, 1).
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; Liu et al. 2025, https://arxiv.org/abs/2502.16982

    >>> opt = Muon()
    >>> slots = opt.init({"kernel": jnp.zeros((3, 2)), "bias": jnp.zeros(2)})["slots"]
    >>> slots["velocity"]["kernel"] is None, slots["velocity"]["bias"].shape
    (True, (2,))
    """

    learning_rate: Any = LearningRate(0.001)
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: float | None = 0.004
    epsilon: float = 1e-7
    weight_decay: float | None = 0.004
    exclude_layers: list[str] | None = field(default=None, kw_only=True)
    exclude_embeddings: bool = field(default=True, kw_only=True)
    muon_a: float = field(default=3.4445, kw_only=True)
    muon_b: float = field(default=-4.7750, kw_only=True)
    muon_c: float = field(default=2.0315, kw_only=True)
    adam_lr_ratio: float = field(default=1, kw_only=True)
    momentum: float = field(default=0.95, kw_only=True)
    ns_steps: int = field(default=5, kw_only=True)
    nesterov: bool = field(default=True, kw_only=True)
    rms_rate: float | None = field(default=0.2, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.exclude_layers = self.exclude_layers or []
        for name in ("adam_beta_1", "adam_beta_2", "momentum"):
            self.require(name, "in the range [0, 1)", lambda v: 0 <= v < 1)

    def is_adams(self, leaf: Any) -> bool:
        """Whether a parameter is left to Adam."""
        if len(leaf.shape) != 2 or (self.exclude_embeddings and "embedding" in leaf.path.lower()):
            return True
        return any(re.search(pattern, leaf.path) for pattern in self.exclude_layers or ())

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"momentum": zeros(p), **({"velocity": zeros(p)} if self.is_adams(leaf) else {})}

    def decay(self, leaf: Any) -> Any:
        if self.is_excluded(leaf):
            return None
        return self.adam_weight_decay if self.is_adams(leaf) else self.weight_decay

    def shared(self, lr: Any, t: Any) -> Any:
        return lr, lr * self.adam_lr_ratio * jnp.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        lr, alpha = k
        m = s["momentum"]
        if "velocity" in s:
            v = s["velocity"]
            m = m + (g - m) * (1 - self.adam_beta_1)
            v = v + (jnp.square(g) - v) * (1 - self.adam_beta_2)
            return -(m * alpha) / (root(v) + self.epsilon), {"momentum": m, "velocity": v}
        m = m + (g + m * (self.momentum - 1))
        step = lr * self.orthogonal(g + self.momentum * m if self.nesterov else m)
        scale = 1 if self.rms_rate is None else max(p.shape) ** 0.5 * self.rms_rate
        return -step * scale, {"momentum": m}

    def orthogonal(self, x: Any) -> Any:
        """Nearly the orthogonal factor of a matrix: Newton-Schulz iterations bring all singular values near 1."""
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.T if tall else x
