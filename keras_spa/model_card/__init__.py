"""What a trained model is: its classes, its training, its limits."""

from keras_spa.model_card.card import ModelCard

__all__ = ["ModelCard"]
