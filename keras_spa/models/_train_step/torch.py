from typing import Any

import keras
import torch

from keras_spa.models._train_step.base import StepParts


class TrainStep(StepParts):
    """`SpAModel`'s training step on PyTorch."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()  # type: ignore[attr-defined]  # PyTorch's
        batch = self._forward_pass(x, y, sample_weight)
        variables = self.trainable_variables
        if variables:
            self.optimizer.scale_loss(batch.loss).backward()
        with torch.no_grad():
            target = self._progress(ahead=1 if variables else 0)
            if variables:
                gradients = [variable.value.grad for variable in variables]
                gradients = self._align_gradients(gradients, batch)
                self.optimizer.apply(gradients, variables)
            statistics = self._finish_step(batch, target)
            return self._log(x, y, sample_weight, batch, statistics)
