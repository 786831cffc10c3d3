"""Callbacks under their Keras path; they live in `fkeras.train.callbacks`."""

from .train.callbacks import Callback, CallbackList, EarlyStopping, History, LambdaCallback

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback"]
