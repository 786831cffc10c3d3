"""`Checkpointer`: a training loop that can be killed, and goes on from its last whole checkpoint."""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

from .. import atomic, packed

NAME = re.compile(r"step-(\d{1,18})\.fkeras")


class Checkpointer:
    """Keeps the newest checkpoints of a pytree in a folder, each in one file.

    keep: how many; None keeps all.

    A checkpoint is written under a temporary name, flushed and renamed, so that it is whole
    or not there, whenever the process is killed. Each is verified when it is read; if one
    is damaged, a warning says so and the one before is taken.

    Raises ValueError for a `keep` that is no whole number above 0.

    >>> import tempfile, jax.numpy as jnp
    >>> checkpointer = Checkpointer(tempfile.mkdtemp(), keep=2)
    >>> for step in range(5):
    ...     checkpointer.save({"w": jnp.full(2, step), "step": step}, step)
    >>> checkpointer.steps()
    [3, 4]
    >>> checkpointer.restore()
    {'step': 4, 'w': array([4, 4], dtype=int32)}
    """

    def __init__(self, folder: Any, keep: int | None = 3):
        if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 1):
            raise ValueError(f"Checkpointer: keep must be a whole number above 0, or None for all; got {keep!r}.")
        self.folder, self.keep = os.path.abspath(os.fspath(folder)), keep
        self.damaged: set[int] = set()  # found when reading; removed by the next save

    def __repr__(self) -> str:
        return f"Checkpointer({self.folder!r}, keep={self.keep})"

    def path(self, step: int) -> str:
        """Where the checkpoint of a step stands."""
        return os.path.join(self.folder, f"step-{step:09d}.fkeras")

    def steps(self) -> list[int]:
        """The steps that there are checkpoints of, in order."""
        names = {entry.name for entry in packed.entries(self.folder)}
        found = (NAME.fullmatch(name) for name in names)
        return sorted(step for m in found if m is not None and os.path.basename(self.path(step := int(m[1]))) in names)

    def save(self, tree: Any, step: Any, note: Any = None) -> None:
        """Writes the checkpoint of a step, then removes the oldest beyond `keep`.

        tree: any pytree of arrays, random keys and numbers, such as a `TrainState`.
        step: a whole number; an array that holds one will do.
        note: plain JSON values to keep with it; see `note`.

        Raises OSError if it cannot be written, by a full disk for example; those before stand.
        """
        step = int(step)
        if not 0 <= step < 10**18:
            raise ValueError(f"{self!r}: a step is a whole number from 0 on; got {step}.")
        os.makedirs(self.folder, exist_ok=True)
        packed.write(self.path(step), tree, note)
        self.damaged.discard(step)
        others = [s for s in self.steps() if s != step]
        if (later := [s for s in others if s > step]) and not set(later) <= self.damaged:
            warnings.warn(f"{self!r}: step {step} was saved, but restore() gives step {later[-1]}.", stacklevel=2)
        old = [] if self.keep is None else others[: max(0, len(others) + 1 - self.keep)]
        for gone in {*old, *self.damaged}:
            atomic.remove(self.path(gone))
        self.damaged.clear()

    def restore(self, like: Any = None, step: int | None = None) -> Any:
        """The tree of the newest checkpoint that is whole, or that of one step.

        like: a tree of the same form, of arrays or `jax.ShapeDtypeStruct`s; what is read comes in its
            containers, with its shardings. Without it: NumPy arrays in dicts and lists.

        Raises FileNotFoundError if there is none, ValueError if it does not fit `like` or none is whole.
        """
        return self.load(like, step)[0]

    def load(self, like: Any = None, step: int | None = None, form: Any = None) -> tuple[Any, int, Any]:
        """(tree, step, note) of what `restore` gives the tree of. form: what `like` is, from the note."""
        steps = self.steps()
        if not steps or (step is not None and step not in steps):
            what = "no checkpoint" if step is None else f"no checkpoint of step {step}"
            raise FileNotFoundError(f"There is {what} in {self.folder}. Steps there: {steps or 'none'}.")
        for candidate in reversed(steps if step is None else [step]):
            try:
                tree, note = packed.read(self.path(candidate), like, form)
                return tree, candidate, note
            except (packed.DamagedFileError, OSError) as error:
                if candidate == steps[0] or step is not None:
                    raise
                warnings.warn(f"{error} The checkpoint before it is taken.", stacklevel=3)
                self.damaged.add(candidate)
        raise AssertionError("unreachable")

    def clear(self) -> None:
        """Removes every checkpoint, and the folder if nothing else is in it."""
        for step in self.steps():
            atomic.remove(self.path(step))
        if os.path.isdir(self.folder) and not os.listdir(self.folder):
            os.rmdir(self.folder)
