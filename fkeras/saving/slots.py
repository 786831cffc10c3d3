"""What an optimizer of Keras 2 remembered, found in the order in which each of its versions listed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

KINDS = "m v vhat momentum rms mg accum_grad accum_var accumulator linear".split()
BEHIND = re.compile(rf"/({'|'.join(KINDS)})(:0)?$")  # the kind stands behind the name of the weight: tf.keras to 2.10
Pair = tuple[Any, tuple[int, ...]]  # a variable, or None for what is not kept today, and its shape


def matched(variables: list[Any], weights: list[tuple[int, ...]], held: list[Any], names: Any = ()) -> list[Any] | None:
    """For each array of a file the variable that it belongs to, or None where there is none today.

    variables: what the optimizer keeps today. weights: the shapes of the trained weights. held: those of the arrays in
    the file. names: theirs, in an `.h5` file.
    None if no version of Keras 2 listed this optimizer so.
    """
    by_kind = bool(names) and (bool(BEHIND.search(names[-1])) or not re.match(r"iteration(:0)?$", names[0]))
    for _, listing in sorted(listings(variables, weights), key=lambda found: found[0] != by_kind):
        if [shape for _, shape in listing] == held:
            return [variable for variable, _ in listing]
    return None


def listings(variables: list[Any], weights: list[tuple[int, ...]]) -> Iterator[tuple[bool, list[Pair]]]:
    """(whether the arrays stand kind by kind, what stands where) of the orders that there were."""
    kinds: dict[str, list[Pair]] = {}
    each: list[Pair] = []
    count: list[Pair] = []
    product: list[Pair] = []  # of the momenta of Nadam
    for variable in variables:
        keys, pair = variable.place.keys, (variable, tuple(variable.shape))
        if keys[0] == "slots":
            each.append(pair)
            kinds.setdefault(keys[1], []).append(pair)
        elif keys[0] == "iterations":
            count.append(pair)
        elif keys[0] != "learning_rate":
            product.append(pair)
    kind_by_kind = [pair for pairs in kinds.values() for pair in pairs]
    unused: list[Pair] = [] if each else [(None, shape) for shape in weights]  # momenta of an SGD without momentum
    flags: list[Pair] = [(None, (1,))] * len(weights)  # of an Adam without amsgrad
    for by_kind, slots in ((True, kind_by_kind), (False, each)):
        yield by_kind, count + slots
        yield by_kind, count + product + slots
        yield by_kind, slots  # Keras 2.0 did not keep the count of every optimizer
        yield by_kind, count + slots + unused
        yield by_kind, count + slots + flags
        yield by_kind, count + [pair for pair in slots if pair[1]]  # an Adafactor kept no rows of vectors
