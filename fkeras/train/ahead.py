"""Programs that are compiled in a second thread before they are needed, while the first one compiles or runs.

JAX keeps what it has compiled by the program and the types of its arguments, so the call
that comes later finds it. Nothing else changes: what cannot be compiled ahead is compiled
when it is called, where its errors belong.
"""

from __future__ import annotations

import contextvars
import functools
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax

from .. import placement

_READY: weakref.WeakSet[Any] = weakref.WeakSet()  # programs that have been called, or compiled ahead


class Ahead:
    """Compiles ahead, one program after the other; use as a context manager around what will call them."""

    def __init__(self) -> None:
        self.pool: ThreadPoolExecutor | None = None
        self.jobs: dict[Any, Future[Any]] = {}

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *error: Any) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)

    def prepare(self, now: tuple[Any, Sequence[Any]], later: Sequence[tuple[Any, Sequence[Any]]]) -> None:
        """Begins to compile programs for later, if the one that is called now has yet to be compiled.

        now, later: programs and their arguments, whose types alone matter.
        """
        program, args = now
        if not later or not is_new(program) or placement.key() is not None:
            return
        program.lower(*args)  # the thread gets Python when this is done, and the compiler has the word
        for program, args in later:
            if is_new(program) and program not in self.jobs:
                self._begin(program, functools.partial(program.lower, *types_of(args)))

    def compile(self, program: Any, *args: Any) -> None:
        """Begins to compile a program that is traced here and now, for arguments of these types."""
        if is_new(program) and placement.key() is None:
            lowered = program.lower(*types_of(args))
            self._begin(program, lambda: lowered)

    def _begin(self, program: Any, lower: Callable[[], Any]) -> None:
        def run() -> None:
            lower().compile()
            _READY.add(program)

        self.pool = self.pool or ThreadPoolExecutor(1, "fkeras-ahead")
        self.jobs[program] = self.pool.submit(contextvars.copy_context().run, run)

    def ready(self, program: Any) -> Any:
        """The program, when it is not being compiled in the other thread: no one compiles it twice."""
        if self.jobs and (job := self.jobs.pop(program, None)) is not None and not job.cancel():
            job.exception()
        if hasattr(program, "lower"):
            _READY.add(program)
        return program


def is_new(program: Any) -> bool:
    """Whether a compiled program has yet to be compiled."""
    return hasattr(program, "lower") and program not in _READY


def types_of(args: Any) -> Any:
    """The arguments, with nothing but the types of arrays."""

    def type_of(a: Any) -> Any:
        if not isinstance(a, jax.Array):
            return a
        where = a.sharding if a.committed else None
        weak = getattr(a, "weak_type", False)  # which keys do not have
        return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=where, weak_type=weak)

    return jax.tree.map(type_of, args)
