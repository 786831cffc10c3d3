"""What the layers with a vocabulary have in common."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import config
from ...spec import Spec
from ..settings import check_choice
from .batches import batches
from .hashing import as_key
from .host import HostLayer, encode, encoded_shape
from .vocabulary import Vocabulary

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLD = {"binary": "multi_hot", "tf-idf": "tf_idf"}
FILE = "vocabulary.txt"


class Lookup(HostLayer):
    """A layer with a vocabulary: given, or learned from data by `adapt`."""

    if TYPE_CHECKING:
        words: Vocabulary
        max_tokens: int | None
        num_oov_indices: int
        mask_token: Any
        oov_token: Any
        vocabulary: Any
        idf_weights: Any
        invert: bool
        output_mode: str
        pad_to_max_tokens: bool
        oov_method: str
        salt: Any

    def check_lookup(self, vocabulary_text: bool, encoding: str) -> None:
        """Checks the settings that the lookups share, and makes the vocabulary."""
        self.output_mode = OLD.get(self.output_mode, self.output_mode)
        check_choice(self, "output_mode", MODES)
        check_choice(self, "oov_method", ("floormod", "farmhash"))
        self.refuse_sparse()
        name = type(self).__name__
        if self.num_oov_indices < 0:
            raise ValueError(f"{name}: num_oov_indices must be 0 or more; got {self.num_oov_indices}.")
        if self.invert and self.output_mode != "int":
            raise ValueError(f"{name}: invert=True is for output_mode='int'; got {self.output_mode!r}.")
        if self.salt is not None and not vocabulary_text and self.oov_method != "farmhash":
            raise ValueError(f"{name}: a salt is for oov_method='farmhash'; got {self.oov_method!r}.")
        self.salt = as_key(self, self.salt)
        self.start_vocabulary(
            text=vocabulary_text, encoding=encoding, num_oov_indices=self.num_oov_indices, mask_token=self.mask_token,
            oov_token=self.oov_token, invert=self.invert, key=self.salt,
        )  # fmt: skip

    def start_vocabulary(self, **settings: Any) -> None:
        """Makes the vocabulary, which `vocabulary` and `idf_weights` fill."""
        name = type(self).__name__
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise ValueError(f"{name}: max_tokens must be greater than 1; got {self.max_tokens}.")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"{name}: pad_to_max_tokens=True needs max_tokens.")
        if self.idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(f"{name}: idf_weights are for output_mode='tf_idf'; got {self.output_mode!r}.")
        given = self.vocabulary is not None
        self.words = Vocabulary(
            name, max_tokens=self.max_tokens, output_mode=self.output_mode, pad_to_max_tokens=self.pad_to_max_tokens,
            given=given, **settings,
        )  # fmt: skip
        if given:
            self.words.set(self.vocabulary, self.idf_weights)
        if isinstance(self.vocabulary, str):
            self.vocabulary = None  # a file: its lines are kept beside the config

    # --- vocabulary ----------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The token of each index; without those for masks and for what is not in the vocabulary, if told so."""
        return self.words.listed(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many indices there are, the special ones included."""
        return self.words.size

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replaces the vocabulary: a list, an array, or the path of a file with a token in each line.

        idf_weights: one for each token, for `"tf_idf"`.
        Raises ValueError for tokens that are there twice, too many, or reserved.
        """
        self.words.set(vocabulary, idf_weights)
        self.changed()

    def changed(self) -> None:
        """Programs compiled with another vocabulary are for others."""
        self.words = self.words  # a setting has changed

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: the most frequent tokens first, of equally frequent ones the last in their order.

        data: an array or a list, or something that yields batches; for `"tf_idf"` each row is a document.
        steps: how many batches to take.
        """
        self.reset_state()
        whole = isinstance(data, (list, tuple)) or hasattr(data, "shape")
        for batch in batches(self, data, steps, lists=True):
            self.take(batch, whole)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of one batch; a flat one is a single document."""
        self.take(data, False)

    def take(self, batch: Any, alone: bool) -> None:
        """Counts the tokens of a batch. alone: whether each entry of a flat one is a document."""
        raise NotImplementedError

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        self.words.learn()
        self.changed()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self.words.reset()

    # --- outputs -------------------------------------------------------------------------------

    def read(self, *inputs: Any, **kwargs: Any) -> Any:
        """The outputs for data, as arrays of NumPy."""
        self.words.check_known()
        return super().read(*inputs, **kwargs)

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses all values before there is a vocabulary."""
        self.words.check_known()

    def made(self, x: Any) -> Spec:
        """The spec of the outputs."""
        mode = self.output_mode
        if mode == "int":
            return Spec(x.shape, jax.dtypes.canonicalize_dtype("int64"))
        mode = "count" if mode == "tf_idf" else mode
        return Spec(encoded_shape(x.shape, mode, self.words.depth), config.floatx())

    def encoded(self, indices: Any) -> Any:
        """Indices as the output mode wants them."""
        if self.output_mode == "int":
            return encode(indices, "int", 0, "int64")
        weighs = self.output_mode == "tf_idf"
        rows = encode(indices, "count" if weighs else self.output_mode, self.words.depth, config.floatx())
        return self.weighed(rows) if weighs else rows

    def weighed(self, rows: Any) -> Any:
        """Counts times the weights of the tokens."""
        if self.words.idf is None:
            raise ValueError(f"{self!r} has no idf_weights yet: call adapt(data) first, or set_vocabulary.")
        return rows * (self.words.idf if isinstance(rows, np.ndarray) else jnp.asarray(self.words.idf))

    # --- files ---------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Puts the weights of the tokens into `store`, which acts as a dict."""
        if self.output_mode == "tf_idf" and self.words.idf is not None:
            store["idf_weights"] = self.words.idf

    def load_own_variables(self, store: Any) -> None:
        """Takes the weights of the tokens from `store`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.words.idf = np.asarray(store["idf_weights"], "float32")
            self.changed()

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary into a directory, unless the config holds it."""
        if self.vocabulary is None:
            text = "\n".join(map(str, self.get_vocabulary()))
            pathlib.Path(dir_path, FILE).write_text(text, "utf-8", "surrogateescape", newline="\n")

    def load_assets(self, dir_path: Any) -> None:
        """Reads the vocabulary from a directory, unless the config holds it."""
        if self.vocabulary is not None:
            return
        text = pathlib.Path(dir_path, FILE).read_text("utf-8", "surrogateescape")
        lines = text.split("\n")
        while lines and lines[-1] == "":
            lines.pop()
        tokens = lines if self.words.text else [int(line) for line in lines]
        if tokens[self.words.start :]:
            self.words.set(tokens, self.words.idf if self.output_mode == "tf_idf" else None)
            self.changed()

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values; a vocabulary that was learned, or read from a file, is kept beside them."""
        known = len(self.words.table) or None
        return {
            **super().get_config(),
            **{n: listed(getattr(self, n)) for n in ("vocabulary", "idf_weights")},
            "vocabulary_size": self.words.size if known else self.words.expected,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with these settings; a config that names a file is refused."""
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"The config of {config.get('name')!r} names a vocabulary file, {config['vocabulary']!r}, which is not "
                "read. Make the layer without it, and call set_vocabulary(path) if you trust the file."
            )
        layer = super().from_config({k: v for k, v in config.items() if k != "vocabulary_size"})
        layer.words.expected = config.get("vocabulary_size")
        return layer

    def replace(self, **changes: Any) -> Any:
        """A copy with some settings changed; what was learned stays."""
        twin = super().replace(**changes)
        if not twin.words.given and self.words.table.known:
            twin.words.table, twin.words.idf = self.words.table, self.words.idf
        return twin


def listed(value: Any) -> Any:
    """Arrays as lists."""
    return value.tolist() if hasattr(value, "tolist") else value
