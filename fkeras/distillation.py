"""A student that learns from a teacher: `Distiller`, and what it compares (Hinton et al., 2015, arXiv:1503.02531)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import losses, metrics, ops, registry, tree
from .models import Model


def functions(loss: Any) -> Any:
    """A nest of losses, names looked up; raises ValueError if all are None."""
    found = tree.map_structure(lambda x: losses.get(x) if isinstance(x, str) else x, loss)
    if all(x is None for x in tree.flatten(found)):
        raise ValueError("At least one loss must be given; all are None.")
    return found


def compared(loss: Any, told: Any, said: Any, compare: Any) -> Any:
    """The sum over a nest of losses of what `compare(loss, told, said)` gives for each."""
    tree.assert_same_structure(told, said)
    tree.assert_same_structure(loss, told)
    triples = zip(tree.flatten(loss), tree.flatten(told), tree.flatten(said), strict=True)
    return sum(ops.mean(compare(f, a, b)) for f, a, b in triples if f is not None)


class DistillationLoss:
    """What a teacher's and a student's outputs, or features, differ by. A subclass writes `compute_loss`."""

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The difference, one number."""
        raise NotImplementedError(f"{type(self).__name__} needs compute_loss(self, teacher_outputs, student_outputs).")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raises ValueError where the two are not built alike."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raises ValueError where a layer that is to be compared is in no graph."""
        for who, model, name in (
            ("teacher", teacher, self.teacher_layer_name), ("student", student, self.student_layer_name),
        ):  # fmt: skip
            if name is not None:
                if not model.walks:
                    raise ValueError(
                        f"The {who} is a subclassed model, whose layers have no outputs of their own to compare: give "
                        "a Sequential or functional model, or no layer names."
                    )
                try:
                    model.get_layer(name)
                except ValueError as error:
                    raise ValueError(f"In the {who}: {error}") from None


class FeatureDistillation(DistillationLoss):
    """The loss between the outputs of a layer of the teacher and one of the student; without names, the final ones.

    >>> float(FeatureDistillation().compute_loss(ops.ones((2, 3)), ops.zeros((2, 3))))
    1.0
    """

    def __init__(self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None):
        self.loss = functions(loss)
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The mean of the loss."""
        return compared(self.loss, teacher_outputs, student_outputs, lambda f, told, said: f(told, said))

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {
            "loss": losses.serialize(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The loss with these settings."""
        return cls(**{**config, "loss": losses.deserialize(config["loss"])})


class LogitsDistillation(DistillationLoss):
    """The loss between logits divided by a temperature.

    With `loss=KLDivergence()` the logits become probabilities first, and the result is times temperature²; any other
    loss, also one given by name, is of the scaled logits themselves, as in Keras.

    >>> loss = LogitsDistillation(2.0, losses.KLDivergence())
    >>> round(float(loss.compute_loss(ops.array([[2.0, 0.0]]), ops.array([[0.0, 2.0]]))), 4)
    1.8485
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence"):
        if not isinstance(temperature, (int, float)) or temperature <= 0:
            raise ValueError(f"temperature is a number above 0; received {temperature!r}.")
        self.temperature, self.loss = temperature, functions(loss)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The mean of the loss."""

        def compare(f: Any, told: Any, said: Any) -> Any:
            told, said = told / self.temperature, said / self.temperature
            if isinstance(f, losses.KLDivergence):
                return f(ops.softmax(told), ops.softmax(said)) * self.temperature**2
            return f(told, said)

        return compared(self.loss, teacher_outputs, student_outputs, compare)

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {"temperature": self.temperature, "loss": losses.serialize(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The loss with these settings."""
        return cls(**{**config, "loss": losses.deserialize(config["loss"])})


class Distiller(Model, module="keras.distillation"):
    """A student that is trained on labels and on what a teacher says; the teacher is frozen.

    The loss is `student_loss_weight` times that of the labels, plus the rest of 1 times the weighted sum of
    `distillation_losses`. `compile` takes the loss of the labels. Called, it is the student.
    """

    is_bound = True  # its steps are written as those of a user's model

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(student_loss_weight, (int, float)) or not 0 <= student_loss_weight <= 1:
            raise ValueError(f"student_loss_weight is a number from 0 to 1; received {student_loss_weight!r}.")
        for who, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"The {who} must be a model; received {model!r}.")
        each = list(distillation_losses) if isinstance(distillation_losses, (list, tuple)) else [distillation_losses]
        weights = [1.0] * len(each) if distillation_loss_weights is None else list(distillation_loss_weights)
        if None in each or len(each) != len(weights) or not each:
            raise ValueError(
                f"distillation_losses are losses such as LogitsDistillation(), with one weight each; received {each} "
                f"and distillation_loss_weights={distillation_loss_weights}."
            )
        check_alike(teacher, student)
        for loss in each:
            loss.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        teacher.trainable = False
        self.student_loss_weight = student_loss_weight
        self.distillation_losses, self.distillation_loss_weights = each, weights
        self.told = features(teacher, [loss.teacher_layer_name for loss in each])
        self.said = features(student, [loss.student_layer_name for loss in each])
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:
        """Keras' `compile`; the loss is that of the student and its labels."""
        if loss is None:
            raise ValueError("Distiller.compile needs the loss of the student and its labels: loss='mse', say.")
        self.student_loss = functions(loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the student says."""
        return self.student(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The weighted sum of both losses."""
        y_pred = self(x, training=training) if y_pred is None else y_pred
        labelled = told = 0.0
        if self.student_loss_weight > 0 and y is not None:
            labelled = compared(self.student_loss, y, y_pred, lambda f, labels, said: f(labels, said))
        if self.student_loss_weight < 1:
            taught = {"": self.teacher(x, training=False)} if self.told is None else self.told(x, training=False)
            learned = {"": y_pred} if self.said is None else {**self.said(x, training=True), "": y_pred}
            for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
                pair = taught[loss.teacher_layer_name or ""], learned[loss.student_layer_name or ""]
                loss.validate_outputs(*pair)
                told = told + weight * loss.compute_loss(*pair)
        total = self.student_loss_weight * labelled + (1 - self.student_loss_weight) * told
        self.student_loss_tracker.update_state(labelled)
        self.distillation_loss_tracker.update_state(told)
        self.total_loss_tracker.update_state(total)
        return total

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {
            "name": self.name,
            "teacher": registry.serialize(self.teacher),
            "student": registry.serialize(self.student),
            "distillation_losses": [registry.serialize(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The distiller with these settings."""
        made = {name: registry.deserialize(config[name]) for name in ("teacher", "student")}
        return cls(**{**config, **made, "distillation_losses": [loss_of(c) for c in config["distillation_losses"]]})


def check_alike(teacher: Any, student: Any) -> None:
    """Refuses two graphs whose inputs or outputs have other shapes or dtypes."""
    if not (teacher.walks and student.walks):
        return
    for what in ("inputs", "outputs"):
        theirs, ours = ([(s.shape, s.dtype) for s in getattr(model, what)] for model in (teacher, student))
        if len(theirs) != len(ours) or not all(fits(a, b) for a, b in zip(theirs, ours, strict=True)):
            raise ValueError(f"The {what} of teacher and student must be alike; got {theirs} and {ours}.")


def fits(a: tuple[Any, str], b: tuple[Any, str]) -> bool:
    """Whether two shapes with dtypes can be the same."""
    sizes = len(a[0]) == len(b[0]) and all(m is None or n is None or m == n for m, n in zip(a[0], b[0], strict=True))
    return sizes and a[1] == b[1]


def features(model: Any, names: list[str | None]) -> Any:
    """A model of the outputs of these layers by name, and of the final ones under ""; None if no layer is named."""
    if not any(names):
        return None
    layers = {name: model.get_layer(name).output for name in names if name}
    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return Model(model.inputs, {"": outputs, **layers})


def loss_of(config: dict[str, Any]) -> Any:
    """The loss with a config as `registry.serialize` writes it."""
    known = {cls.__name__: cls for cls in (FeatureDistillation, LogitsDistillation)}
    name = config["class_name"]
    return known[name].from_config(config["config"]) if name in known else registry.deserialize(config)
