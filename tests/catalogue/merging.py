"""Layers of several inputs."""

from fkeras import layers as L

from .row import Row, Steps

SAME = [(2, 4, 3), (2, 4, 3), (2, 4, 3)]
MASKED = [Steps((2, 4, 3)), Steps((2, 4, 3))]

ROWS = {
    "add": Row(lambda: L.Add(), SAME, unknown=(0, 1)),
    "add_broadcasting": Row(lambda: L.Add(), [(2, 4, 3), (2, 1, 3), (2, 3)]),
    "subtract": Row(lambda: L.Subtract(), MASKED, unknown=(0, 1)),
    "multiply": Row(lambda: L.Multiply(), MASKED),
    "average": Row(lambda: L.Average(), SAME),
    "maximum": Row(lambda: L.Maximum(), MASKED, smooth=False),
    "minimum": Row(lambda: L.Minimum(), SAME, smooth=False),
    "concatenate": Row(lambda: L.Concatenate(1), [(2, 4, 3), (2, 2, 3)]),
    "concatenate_masked": Row(lambda: L.Concatenate(), MASKED, unknown=(0, 1)),
    "dot": Row(lambda: L.Dot((2, 1)), [(2, 4, 3), (2, 3, 5)]),
    "dot_normalized": Row(lambda: L.Dot(1, normalize=True), [(2, 3), (2, 3)]),
}
