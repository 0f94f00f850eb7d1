"""What one does to a trained model: look at it, diagnose it, align it."""

from keras_spa.trained.align import align
from keras_spa.trained.aligned_classifier import aligned_classifier
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.choose_alignment import choose_alignment
from keras_spa.trained.collapse_report import CollapseReport
from keras_spa.trained.convert_head import convert_head
from keras_spa.trained.diagnose import diagnose
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.normalize_head import normalize_head
from keras_spa.trained.observe import Observer, observe
from keras_spa.trained.retrain_head import retrain_head
from keras_spa.trained.scale_head import scale_head

__all__ = [
    "AlignmentChoice",
    "CollapseReport",
    "Observer",
    "align",
    "aligned_classifier",
    "choose_alignment",
    "convert_head",
    "diagnose",
    "linear_classifier",
    "normalize_head",
    "observe",
    "retrain_head",
    "scale_head",
]
