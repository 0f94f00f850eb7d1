"""What one does to a trained model: look at it, diagnose it, align it."""

from keras_spa.trained.align import PostHoc, align, choose_alignment
from keras_spa.trained.collapse_report import CollapseReport
from keras_spa.trained.diagnose import diagnose
from keras_spa.trained.observe import Observer, linear_classifier, observe

__all__ = [
    "CollapseReport",
    "Observer",
    "PostHoc",
    "align",
    "choose_alignment",
    "diagnose",
    "linear_classifier",
    "observe",
]
