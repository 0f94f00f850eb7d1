import keras
import tensorflow as tf

from keras_spa.models._step_parts import StepParts


class TrainStep(StepParts):
    """`SpAModel`'s training step on TensorFlow: eager, as a graph or under XLA."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            batch = self._forward_pass(x, y, sample_weight)
            scaled = self.optimizer.scale_loss(batch.loss)
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        gradients = self._align_gradients(gradients, batch)
        target = self._progress(ahead=1)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._finish_step(batch, target)
        return self._log(x, y, batch.logits, batch.loss, sample_weight)
