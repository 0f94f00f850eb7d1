"""What a result says of a trained model."""

import numpy as np
from keras import ops

from keras_spa import geometry, metrics
from keras_spa.layers.class_means import class_sums


def in_batches(data, batch_size=500):
    """`(images, labels)` one batch after the other; a data set of batches as it is."""
    if not isinstance(data, tuple):
        return data
    images, labels = data
    starts = range(0, len(labels), batch_size)
    return (
        (images[start : start + batch_size], labels[start : start + batch_size])
        for start in starts
    )


def observe(model, data):
    """Predicted classes and labels (N,), and the class sums of the features.

    One pass in inference mode, batch by batch: features are not kept.
    """
    predicted, labels, sums, counts = [], [], 0, 0
    num_classes = model.class_means.num_classes
    for x, y in in_batches(data):
        features, logits = model(
            ops.convert_to_tensor(x), training=False, return_features=True
        )
        y = ops.convert_to_tensor(y)
        batch_sums, batch_counts = class_sums(features, y, num_classes)
        sums = sums + ops.convert_to_numpy(batch_sums).astype("float64")
        counts = counts + ops.convert_to_numpy(batch_counts).astype("float64")
        predicted.append(ops.convert_to_numpy(ops.argmax(logits, axis=-1)))
        labels.append(ops.convert_to_numpy(y))
    return np.concatenate(predicted), np.concatenate(labels), sums, counts


def accuracies(predicted, y, class_counts):
    """Accuracy in percent: of all, by shots (None for an empty group), by class.

    Classes without images are None, and left out of their group.
    """
    correct = predicted == y
    per_class = [_percent(correct[y == c]) for c in range(len(class_counts))]
    groups = {
        name: [per_class[c] for c in classes if per_class[c] is not None]
        for name, classes in metrics.shot_groups(class_counts).items()
    }
    shots = {name: float(np.mean(v)) if v else None for name, v in groups.items()}
    return {"all": _percent(correct), **shots, "per_class": per_class}


def _percent(correct):
    return 100.0 * float(np.mean(correct)) if len(correct) else None


def class_cosines(model, sums, counts):
    """Cosine of each class's weight with its centred mean, from the class sums."""
    means = ops.convert_to_tensor((sums / np.maximum(counts, 1)[:, None]), "float32")
    directions = geometry.mean_directions(
        means, ops.convert_to_tensor(counts > 0), center=True
    )
    kernel = ops.cast(ops.transpose(model.aligned_kernel), "float32")
    cosines = geometry.dot(geometry.unit(kernel), directions)
    return [float(cosine) for cosine in ops.convert_to_numpy(cosines)]
