"""Callbacks for long-tailed training."""

from keras_spa.callbacks.deferred_reweighting import DeferredReweighting

__all__ = ["DeferredReweighting"]
