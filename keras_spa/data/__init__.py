"""Long-tailed subsets."""

from keras_spa.data.long_tail import long_tail_counts, long_tail_indices

__all__ = ["long_tail_counts", "long_tail_indices"]
