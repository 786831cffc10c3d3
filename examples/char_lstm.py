"""A character LSTM reads the Python manual that ships with Python, then writes some of its own.

Run: python examples/char_lstm.py

It is trained with `fit`. To write, the same layers make a second model that carries its memory
from letter to letter, and one `lax.scan` over its pure `apply` writes several texts at once.
"""

from __future__ import annotations

import os
import re
from pydoc_data.topics import topics

import jax
import jax.numpy as jnp
import numpy as np

import fkeras
from fkeras import Input, Model, losses, optimizers
from fkeras.layers import LSTM, Dense, Embedding

SHORT = bool(os.environ.get("FKERAS_SHORT"))
EPOCHS, UNITS, LENGTH, SIZE = (1, 32, 40, 20_000) if SHORT else (10, 256, 64, 400_000)
OPENING = "the value of a "

# --- the text -----------------------------------------------------------------------------------------

text = re.sub(r"\s+", " ", " ".join(topics[name] for name in sorted(topics))).lower()[:SIZE]
letters = "".join(sorted(set(text)))
numbers = np.array([letters.index(c) for c in text], "int32")
rows = numbers[: (len(numbers) - 1) // LENGTH * LENGTH + 1]
x, y = rows[:-1].reshape(-1, LENGTH), rows[1:].reshape(-1, LENGTH)  # the letters, and for each the next one
print(f"{len(text):,} characters of {len(letters)} kinds: {text[1000:1060]!r}...")

# --- the model that learns ----------------------------------------------------------------------------

fkeras.utils.set_random_seed(0)
embedding, guess = Embedding(len(letters), 32), Dense(len(letters))
memory = LSTM(UNITS, return_sequences=True, return_state=True)

seen = Input((None,), dtype="int32")
model = Model(seen, guess(memory(embedding(seen))[0]))
model.compile(optimizers.Adam(5e-3), losses.SparseCategoricalCrossentropy(from_logits=True))
model.summary()
model.fit(x, y, batch_size=64, epochs=EPOCHS)

# --- the model that writes: the same layers, one letter at a time, memory in and out -------------------

letter, h, c = Input((1,), dtype="int32"), Input((UNITS,)), Input((UNITS,))
out, *after = memory(embedding(letter), initial_state=[h, c])
writer = Model([letter, h, c], [guess(out), *after])


def write(values: tuple, key: jax.Array, opening: jax.Array, length: int = 300, heat: float = 0.6) -> jax.Array:
    """The numbers of the letters that follow an opening. Pure: `values` are (params, state)."""

    def step(carry: list, now: tuple) -> tuple[list, jax.Array]:
        key, told = now
        last, *memory = carry
        (logits, *memory), _ = writer.apply(*values, [last[None, None], *memory])
        drawn = jax.random.categorical(key, logits[0, 0] / heat).astype("int32")
        letter = jnp.where(told < 0, drawn, told)  # the opening is told, the rest is drawn
        return [letter, *memory], letter

    told = jnp.concatenate([opening[1:], jnp.full((length,), -1)])
    begin = [opening[0], jnp.zeros((1, UNITS)), jnp.zeros((1, UNITS))]
    return jax.lax.scan(step, begin, (jax.random.split(key, len(told)), told))[1][len(opening) - 1 :]


opening = jnp.array([letters.index(c) for c in OPENING])
several = jax.jit(jax.vmap(write, in_axes=(None, 0, None)))  # one text for each key
for written in np.asarray(several(writer.values, jax.random.split(jax.random.key(0), 3), opening)):
    print("\n" + OPENING + "".join(letters[i] for i in written))
