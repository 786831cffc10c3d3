"""An encoder-decoder reads dates as people write them: "march 7, 1984" becomes "1984-03-07".

Run: python examples/seq2seq.py

Trained as one model; used as two that share its layers, in a `lax.scan` over a pure `apply`.
"""

from __future__ import annotations

import datetime
import os

import jax
import jax.numpy as jnp
import numpy as np

import fkeras
from fkeras import Input, Model
from fkeras.layers import LSTM, Dense, Embedding

COUNT, EPOCHS = (500, 1) if os.environ.get("FKERAS_SHORT") else (20_000, 14)
LETTERS = "\0\1 ,-./0123456789abcdefghijklmnopqrstuvwxyz"  # \0 fills up, \1 begins an answer
FORMS = ("%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "%m/%d/%y", "%a %d %b %Y", "%A, %B %d, %Y")
UNITS, LENGTH = 128, 30


def encode(texts: list[str], length: int) -> np.ndarray:
    """Texts as rows of numbers, filled up with zeros."""
    return np.array([[LETTERS.index(c) for c in text.ljust(length, "\0")] for text in texts], "int32")


def dates(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Days from 1970 to 2029: as people write them, and as ISO 8601 does."""
    rng = np.random.default_rng(seed)
    days = [datetime.date(1970, 1, 1) + datetime.timedelta(days=int(n)) for n in rng.integers(365 * 60, size=count)]
    return [d.strftime(FORMS[rng.integers(len(FORMS))]).lower() for d in days], [d.isoformat() for d in days]


# --- the model that learns: it is told the answer up to each letter, and asked for the next one ---

fkeras.utils.set_random_seed(0)
question, told = Input((LENGTH,), dtype="int32"), Input((None,), dtype="int32")
embedding, spell = Embedding(len(LETTERS), 32), Dense(len(LETTERS), "softmax")
decoder = LSTM(UNITS, return_sequences=True, return_state=True)

_, *thought = LSTM(UNITS, return_state=True)(Embedding(len(LETTERS), 32, mask_zero=True)(question))
written, *_ = decoder(embedding(told), initial_state=thought)
model = Model([question, told], spell(written))

# --- the same layers once more: one model reads, one writes a letter at a time ---

reader = Model(question, thought)
letter, h, c = Input((1,), dtype="int32"), Input((UNITS,)), Input((UNITS,))
written, *after = decoder(embedding(letter), initial_state=[h, c])
writer = Model([letter, h, c], [spell(written), *after])


def translate(read: tuple, write: tuple, questions: jax.Array) -> jax.Array:
    """Ten letters for each question, greedily. Pure: `read` and `write` are (params, state)."""

    def step(carry: list, _: None) -> tuple[list, jax.Array]:
        (odds, *thought), _ = writer.apply(*write, carry)
        best = odds.argmax(-1).astype("int32")
        return [best, *thought], best[:, 0]

    thought, _ = reader.apply(*read, questions)
    begin = jnp.full((len(questions), 1), LETTERS.index("\1"), "int32")
    return jax.lax.scan(step, [begin, *thought], length=10)[1].T


model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
asked, answers = dates(COUNT, seed=0)
x, y = encode(asked, LENGTH), encode(answers, 10)
model.fit([x, encode(["\1" + a[:-1] for a in answers], 10)], y, batch_size=64, epochs=EPOCHS, verbose=2)

new = [(q, a) for q, a in zip(*dates(1200, seed=1), strict=True) if q not in asked]
questions = jnp.asarray(encode([q for q, _ in new], LENGTH))
rows = np.asarray(jax.jit(translate)(reader.values, writer.values, questions))
said = ["".join(LETTERS[i] for i in row) for row in rows]
for (question, answer), reply in zip(new[:8], said, strict=False):
    print(f"{question:>30}  ->  {reply}   ({answer})")
right = np.mean([reply == answer for reply, (_, answer) in zip(said, new, strict=True)])
print(f"{right:.1%} of {len(new)} lines that it never saw are right to the letter")
