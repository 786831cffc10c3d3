"""Connectionist temporal classification: the loss, and the labels that are most likely."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ...losses.sequence import LOG_ZERO, forward, pass_on
from ..families import widened
from ..operation import operation

__all__ = ["ctc_decode", "ctc_loss"]

PAD = -1  # behind the end of a decoded path


@operation("mask_index", name="CTCLoss")
def ctc_loss(
    target: ArrayLike, output: ArrayLike, target_length: ArrayLike, output_length: ArrayLike, mask_index: int = 0
) -> jax.Array:  # fmt: skip
    """`-log P(labels)`, summed over all alignments with blanks and repetitions.

    Shapes: (b, labels), (b, time, classes) logits, (b,), (b,) -> (b,). mask_index: the class of the blank.
    Source: Graves et al., Connectionist Temporal Classification (2006).

    >>> ctc_loss([[1]], jnp.zeros((1, 1, 2)), [1], [1]).round(3).tolist()
    [0.693...]
    """
    labels, logits = jnp.asarray(target).astype("int32"), jnp.asarray(output)
    log_p = jax.nn.log_softmax(logits.astype(widened(logits)))
    runs = (jnp.arange(log_p.shape[1]) < jnp.asarray(output_length).astype("int32")[:, None])[..., None]
    chosen = jnp.take_along_axis(log_p, jnp.clip(labels, 0, log_p.shape[-1] - 1)[:, None, :], axis=-1)
    log_blank = jnp.where(runs, log_p[..., mask_index, None], 0.0)  # behind the end come blanks that cost nothing
    log_label = jnp.where(runs, chosen, LOG_ZERO)
    repeats = jnp.pad(labels[:, :-1] == labels[:, 1:], ((0, 0), (0, 1)))
    score = pass_on(*forward(jnp.moveaxis(log_blank, 1, 0), jnp.moveaxis(log_label, 1, 0), repeats))
    length = jnp.asarray(target_length).astype("int32")
    return -jnp.take_along_axis(score, length[:, None], axis=-1)[:, 0]


@operation("strategy", "beam_width", "top_paths", "merge_repeated", "mask_index", name="CTCDecode")
def ctc_decode(
    inputs: ArrayLike, sequence_lengths: ArrayLike, strategy: str = "greedy", beam_width: int = 100,
    top_paths: int = 1, merge_repeated: bool = True, mask_index: int | None = 0,
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
    """The most likely labels, and their scores.

    Shapes: (b, time, classes), (b,) -> (paths, b, time) filled up with -1, and the scores:
        greedy: one path, of the likeliest class at each step; (b, 1), minus the sum of these inputs.
        beam_search: `top_paths` paths; (b, top_paths), the log probabilities of the labels.
    mask_index: the class of the blank, the last one for None.
    Raises ValueError for another strategy.

    >>> paths, scores = ctc_decode([[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]], [3])
    >>> paths.tolist(), scores.tolist()
    ([[[1, -1, -1]]], [[-3.0]])
    """
    x = jnp.asarray(inputs)
    x = x.astype(widened(x))
    lengths = jnp.asarray(sequence_lengths).astype("int32")
    blank = x.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(x, lengths, merge_repeated, blank)
    if strategy != "beam_search":
        raise ValueError(f"ctc_decode: strategy must be 'greedy' or 'beam_search'; received {strategy!r}.")
    if top_paths > beam_width:
        raise ValueError(f"ctc_decode: top_paths={top_paths} cannot come out of beam_width={beam_width}.")
    decode = jax.vmap(lambda x, n: _beam_search(x, n, beam_width, top_paths, blank))
    paths, scores = decode(jax.nn.log_softmax(x), lengths)
    return jnp.moveaxis(paths, 1, 0), scores


def _greedy(x: jax.Array, lengths: jax.Array, merge: bool, blank: int) -> tuple[jax.Array, jax.Array]:
    runs = jnp.arange(x.shape[1]) < lengths[:, None]
    best = jnp.where(runs, jnp.argmax(x, -1), blank)
    score = -jnp.sum(jnp.where(runs, jnp.max(x, -1), 0.0), -1, keepdims=True)
    if merge:
        again = jnp.pad(best[:, 1:] == best[:, :-1], ((0, 0), (1, 0)))
        best = jnp.where(again, blank, best)
    order = jnp.argsort(best == blank, axis=-1, stable=True)  # labels to the front
    return jnp.take_along_axis(jnp.where(best == blank, PAD, best), order, -1)[None], score


class Beam(NamedTuple):
    """The likeliest prefixes of labels: log probabilities that the last step was a blank, or a label."""

    paths: jax.Array  # (width, time), filled up with PAD
    sizes: jax.Array  # (width,)
    blank: jax.Array  # (width,)
    label: jax.Array  # (width,)


def _beam_search(log_p: jax.Array, length: Any, width: int, top: int, blank: int) -> tuple[jax.Array, jax.Array]:
    """The `top` likeliest paths of one example, by a prefix search."""
    steps, classes = log_p.shape
    start = jnp.full(width, -jnp.inf, log_p.dtype)
    beam = Beam(jnp.full((width, steps), PAD), jnp.zeros(width, int), start.at[0].set(0.0), start)

    def step(beam: Beam, inputs: Any) -> tuple[Beam, None]:
        x, runs = inputs
        return jax.tree.map(lambda new, old: jnp.where(runs, new, old), _extend(beam, x, blank, classes), beam), None

    beam, _ = jax.lax.scan(step, beam, (log_p, jnp.arange(steps) < length))
    scores, best = jax.lax.top_k(jnp.logaddexp(beam.blank, beam.label), top)
    return beam.paths[best], scores


def _extend(beam: Beam, x: jax.Array, blank: int, classes: int) -> Beam:
    """The likeliest prefixes after one more step: those that stay, and those that grow by one label."""
    width, steps = beam.paths.shape
    rows, last = jnp.arange(width), jnp.maximum(beam.sizes - 1, 0)
    total = jnp.logaddexp(beam.blank, beam.label)
    tail = jnp.where(beam.sizes > 0, beam.paths[rows, last], blank)
    labels = jnp.arange(classes)
    grown = jnp.where(labels == tail[:, None], beam.blank[:, None], total[:, None]) + x  # (width, classes)
    grown = jnp.where((labels == blank) | (beam.sizes[:, None] >= steps), -jnp.inf, grown)

    # A prefix that grows into one that is in the beam already counts there.
    parents = jnp.where(jnp.arange(steps) == last[:, None], PAD, beam.paths)
    is_child = jnp.all(parents[:, None] == beam.paths, -1) & (beam.sizes[:, None] == beam.sizes + 1)
    into = jnp.where(is_child, grown.T[tail], -jnp.inf)  # (child, parent)
    label = jnp.logaddexp(beam.label + x[tail], jax.nn.logsumexp(into, axis=1))
    label = jnp.where(beam.sizes > 0, label, -jnp.inf)
    taken = jnp.zeros((width, classes), bool).at[rows[None, :], tail[:, None]].max(is_child)
    grown = jnp.where(taken, -jnp.inf, grown)

    stay = Beam(beam.paths, beam.sizes, total + x[blank], label)
    scores = jnp.concatenate([jnp.logaddexp(stay.blank, stay.label), grown.reshape(-1)])
    best = jax.lax.top_k(scores, width)[1]
    grows = best >= width
    row, new = jnp.where(grows, (best - width) // classes, best), (best - width) % classes
    place = jnp.where(grows, beam.sizes[row], steps)  # one behind the end: nothing is written
    return Beam(
        beam.paths[row].at[rows, place].set(new, mode="drop"),
        beam.sizes[row] + grows,
        jnp.where(grows, -jnp.inf, stay.blank[row]),
        jnp.where(grows, grown.reshape(-1)[jnp.maximum(best - width, 0)], stay.label[row]),
    )
