"""Models on several devices: data parallel, or with their weights divided, over `jax.sharding`.

    set_distribution(DataParallel())

From then on `fit`, `evaluate` and `predict` divide the rows of each batch among the devices; results are those
of one device up to rounding. A batch whose rows cannot be divided evenly is computed on every device.

The pair needs none of this: it goes under `jax.shard_map` as it is,

    mesh, P = jax.sharding.Mesh(jax.devices(), ("batch",)), jax.sharding.PartitionSpec
    predict = jax.shard_map(
        lambda params, x: model.apply(params, state, x)[0], mesh=mesh, in_specs=(P(), P("batch")), out_specs=P("batch")
    )
"""

from __future__ import annotations

import collections.abc
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from . import graph, placement


def list_devices(device_type: str | None = None) -> list[str]:
    """The names of the devices: "cpu:0", "gpu:0", ...; those of one type, or of the default one.

    >>> list_devices("cpu")[0]
    'cpu:0'
    """
    kind = {"cuda": "gpu"}.get(str(device_type).lower(), str(device_type).lower()) if device_type else None
    return [f"{'gpu' if d.platform == 'cuda' else d.platform}:{d.id}" for d in jax.devices(kind)]


def get_device_count(device_type: str | None = None) -> int:
    """How many devices there are."""
    return len(list_devices(device_type))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins several processes into one run, `jax.distributed.initialize`.

    job_addresses: the address of the coordinator, or of all processes with commas between; the first counts.
    """
    first = job_addresses.split(",")[0] if job_addresses else None
    jax.distributed.initialize(coordinator_address=first, num_processes=num_processes, process_id=process_id)


def device_of(name: Any) -> Any:
    """The device of a name; a device is itself."""
    if not isinstance(name, str):
        return name
    kind, _, number = name.partition(":")
    found = [d for d in jax.devices(kind) if d.id == int(number or 0)]
    if not found:
        raise ValueError(f"There is no device {name!r}; known: {', '.join(list_devices(kind))}.")
    return found[0]


class DeviceMesh:
    """Devices in a grid whose axes have names.

    shape: how many along each axis; axis_names: a name for each. devices: as many names as the grid has places.

    >>> DeviceMesh((1,), ["batch"], list_devices()[:1])
    <DeviceMesh shape=(1,), axis_names=['batch']>
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None):
        if not shape or not axis_names or len(shape) != len(axis_names):
            raise ValueError(f"A mesh has a name for each axis; got shape={shape}, axis_names={axis_names}.")
        devices = np.array(list_devices() if devices is None else devices, object).reshape(-1)
        if int(np.prod(shape)) != devices.size:
            raise ValueError(
                f"A mesh of shape {tuple(shape)} has {int(np.prod(shape))} places; got {devices.size} devices."
            )
        self.shape, self.axis_names = tuple(shape), list(axis_names)
        self.devices = devices.reshape(self.shape)

    @property
    def backend_mesh(self) -> Mesh:
        """The mesh of JAX."""
        return Mesh(np.vectorize(device_of, otypes=[object])(self.devices), self.axis_names)

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """How an array lies on a mesh: for each of its axes the name of an axis of the mesh, or None for a whole copy."""

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self.axes, self._mesh = tuple(axes), None
        if device_mesh is not None:
            self.device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh, or None as long as it is not known."""
        return self._mesh

    @device_mesh.setter
    def device_mesh(self, mesh: DeviceMesh) -> None:
        if self._mesh is not None:
            raise ValueError(f"The layout has a mesh already: {self._mesh}.")
        if strange := [a for a in self.axes if a is not None and a not in mesh.axis_names]:
            raise ValueError(f"The mesh has the axes {mesh.axis_names}; the layout names {strange}.")
        self._mesh = mesh

    @property
    def backend_layout(self) -> Any:
        """The sharding of JAX."""
        if self._mesh is None:
            raise ValueError(f"{self!r} has no mesh: set device_mesh.")
        return placement.sharding(self._mesh.backend_mesh, self.axes)

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self._mesh}>"


class LayoutMap(collections.abc.MutableMapping):
    """Layouts by the path of a weight; a key is a regular expression of the whole path: ".*dense.*kernel"."""

    def __init__(self, device_mesh: DeviceMesh):
        self.device_mesh = device_mesh
        self._layouts: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> Any:
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"The path {key!r} matches several keys of the map: {found}. It may match one only.")
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._layouts:
            raise ValueError(f"The map has {key!r} already, with {self._layouts[key]}.")
        layout = TensorLayout(layout) if isinstance(layout, tuple) else layout
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"A layout is a TensorLayout, or a tuple of axes of the mesh; got {layout!r}.")
        if layout.device_mesh is None:
            layout.device_mesh = self.device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


class Distribution:
    """How the rows of batches, and the weights, lie on a mesh. auto_shard_dataset: has no meaning in one process."""

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        self.device_mesh, self.auto_shard_dataset = device_mesh, auto_shard_dataset
        self.batch_dim_name = batch_dim_name or device_mesh.axis_names[0]

    @property
    def num_model_replicas(self) -> int:
        """Into how many parts the rows of a batch are divided."""
        return self.device_mesh.shape[self.device_mesh.axis_names.index(self.batch_dim_name)]

    @property
    def num_processes(self) -> int:
        """How many processes run together."""
        return jax.process_count()

    def get_data_layout(self, data_shape: Sequence[Any]) -> TensorLayout:
        """How a batch lies: its rows are divided."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """How a weight lies."""
        return self.layout_of(variable.path, variable.shape)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """How an intermediate value of this path lies, or None."""
        return None

    def layout_of(self, path: str, shape: Sequence[Any]) -> TensorLayout:
        """How a weight of this path and shape lies: a whole copy everywhere."""
        return TensorLayout([None] * len(shape), self.device_mesh)

    def fingerprint(self) -> Hashable:
        """What programs depend on."""
        return (
            self.device_mesh.shape,
            tuple(self.device_mesh.axis_names),
            tuple(map(str, self.device_mesh.devices.flat)),
        )

    def scope(self) -> Any:
        """A context in which this is the distribution."""
        return Scope(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class Scope:
    """Sets a distribution, and puts the one before back."""

    def __init__(self, chosen: Distribution):
        self.chosen = chosen

    def __enter__(self) -> None:
        self.before = distribution()
        set_distribution(self.chosen)

    def __exit__(self, *error: Any) -> None:
        set_distribution(self.before)


class DataParallel(Distribution):
    """A whole model on each device; each computes some of the rows.

    device_mesh: of one axis; or devices: their names; or all there are.

    >>> DataParallel(devices=list_devices()[:1]).num_model_replicas
    1
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
    ):
        if device_mesh is not None and len(device_mesh.shape) != 1:
            raise ValueError(f"DataParallel takes a mesh of one axis; got {device_mesh}.")
        names = list(list_devices() if devices is None else devices)
        super().__init__(device_mesh or DeviceMesh((len(names),), ["batch"], names), None, auto_shard_dataset)


class ModelParallel(Distribution):
    """Weights lie as a map says, others whole; rows are divided along one axis of the mesh.

    layout_map: a LayoutMap; its keys match paths like "dense/kernel". batch_dim_name: by default the first axis.
    """

    def __init__(
        self, *, layout_map: LayoutMap | None = None, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ):
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"ModelParallel needs layout_map=LayoutMap(mesh); got {layout_map!r}.")
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self._layout_map = layout_map

    def layout_of(self, path: str, shape: Sequence[Any]) -> TensorLayout:
        """The layout in the map; without one, a whole copy everywhere."""
        return self._layout_map[path] or super().layout_of(path, shape)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout in the map, or None."""
        return self._layout_map[path]

    def fingerprint(self) -> Hashable:
        """What programs depend on."""
        return super().fingerprint(), tuple((k, v.axes) for k, v in self._layout_map._layouts.items())


def distribute_tensor(tensor: Any, layout: TensorLayout) -> Any:
    """An array that lies as a layout says; symbols stay as they are."""
    return tensor if graph.is_symbol(tensor) else placement.pinned(tensor, layout)


def distribution() -> Distribution | None:
    """The distribution of now, or None."""
    return placement.current[0]


def set_distribution(value: Distribution | None) -> None:
    """Sets the distribution of every model from here on; None for none.

    Raises NotImplementedError where several processes run together.
    """
    if value is not None and jax.process_count() > 1:
        raise NotImplementedError(
            "fit divides the rows of one process among its devices; several processes do not share one."
        )
    placement.current[0] = value
