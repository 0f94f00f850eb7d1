"""Callbacks for long-tailed training."""

from keras_spa.callbacks.apply_update import ApplyUpdate
from keras_spa.callbacks.collapse_monitor import CollapseMonitor
from keras_spa.callbacks.deferred_reweighting import DeferredReweighting

__all__ = ["ApplyUpdate", "CollapseMonitor", "DeferredReweighting"]
