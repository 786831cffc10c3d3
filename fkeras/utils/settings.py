"""`Config`: named settings that can be frozen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class Config:
    """Named values, by attribute or by key.

    Raises ValueError for changes once it is frozen, AttributeError for names it does not have.

    >>> config = Config(rate=0.1)
    >>> config.seed = 3
    >>> config["rate"], config.seed, "seed" in config, config.to_json()
    (0.1, 3, True, '{"rate": 0.1, "seed": 3}')
    >>> config.freeze()
    >>> config.seed = 4
    Traceback (most recent call last):
    ValueError: The config is frozen; `unfreeze()` allows changes.
    """

    def __init__(self, **kwargs: Any):
        vars(self).update(_config=dict(kwargs), _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return vars(self)["_frozen"]

    def freeze(self) -> None:
        """Refuses changes from here on."""
        vars(self)["_frozen"] = True

    def unfreeze(self) -> None:
        """Allows changes again."""
        vars(self)["_frozen"] = False

    def _open(self) -> dict[str, Any]:
        if self.frozen:
            raise ValueError("The config is frozen; `unfreeze()` allows changes.")
        return self._config

    def as_dict(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> Any:
        """The names."""
        return self._config.keys()

    def values(self) -> Any:
        """The values."""
        return self._config.values()

    def items(self) -> Any:
        """Pairs of name and value."""
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value of a name, or another value if there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Takes a value out."""
        return self._open().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets several values."""
        self._open().update(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        self._open()[name] = value

    def __delattr__(self, name: str) -> None:
        del self._open()[name]

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("_config", {})
        if name not in found:
            raise AttributeError(f"The config has no {name!r}; it has {', '.join(found) or 'nothing'}.")
        return found[name]

    __setitem__, __delitem__ = __setattr__, __delattr__

    def __getitem__(self, name: str) -> Any:
        return self._config[name]

    def __contains__(self, name: str) -> bool:
        return name in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
