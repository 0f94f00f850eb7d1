"""What one does to a trained model: look at it, diagnose it, align it."""

from keras_spa.trained.align import align
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.choose_alignment import aligned_weights, choose_alignment
from keras_spa.trained.collapse_report import CollapseReport
from keras_spa.trained.diagnose import diagnose
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe

__all__ = [
    "AlignmentChoice",
    "CollapseReport",
    "Observer",
    "align",
    "aligned_weights",
    "choose_alignment",
    "diagnose",
    "linear_classifier",
    "observe",
]
