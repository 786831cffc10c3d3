"""Pictures of models: SVG, PNG and PDF by a layout of our own, and Graphviz' language."""

from .plot import Dot, model_to_dot, plot_model

__all__ = ["Dot", "model_to_dot", "plot_model"]
