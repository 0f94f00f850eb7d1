"""Long-tailed features, and neural collapse by plain loops over them."""

import numpy as np

import keras_spa as spa


def sample(K=4, d=6, most=40, seed=0, offset=3.0):
    """Features with a common offset, labels of a long tail, weights and biases."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), spa.data.long_tail_counts(K, most, most / 3))
    random.shuffle(labels)
    means = random.randn(K, d) + offset
    features = means[labels] + 0.5 * random.randn(len(labels), d)
    weights, biases = random.randn(K, d), random.randn(K)
    return features.astype("float32"), labels, weights, biases


def two_passes(features, labels, weights, biases):
    """The definitions, class by class and image by image."""
    features = features.astype("float64")
    classes = sorted(set(labels))
    K, N = len(classes), len(labels)
    means = {c: features[labels == c].mean(axis=0) for c in classes}
    centre = sum(means.values()) / K
    within = sum(
        np.outer(h - means[y], h - means[y])
        for h, y in zip(features, labels, strict=True)
    )
    between = sum(np.outer(m - centre, m - centre) for m in means.values()) / K
    inverse = np.linalg.pinv(between, rcond=1e-9, hermitian=True)
    spread = {
        c: np.mean([np.sum((h - means[c]) ** 2) for h in features[labels == c]])
        for c in classes
    }
    pairs = [(c, j) for c in classes for j in classes if c < j]
    cosine = lambda u, v: u @ v / np.linalg.norm(u) / np.linalg.norm(v)  # noqa: E731
    centred = {c: means[c] - centre for c in classes}
    measures = {
        "nc1": np.trace(within / N @ inverse) / K,
        "cdnv": np.mean(
            [
                (spread[c] + spread[j]) / (2 * np.sum((means[c] - means[j]) ** 2))
                for c, j in pairs
            ]
        ),
        "nc3_cosine": np.mean([cosine(weights[c], centred[c]) for c in classes]),
    }
    for name, rows in (("means", centred), ("weights", weights)):
        lengths = [np.linalg.norm(rows[c]) for c in classes]
        measures[f"nc2_{name}_norm"] = np.std(lengths) / np.mean(lengths)
        measures[f"nc2_{name}_angle"] = np.mean(
            [abs(cosine(rows[c], rows[j]) + 1 / (K - 1)) for c, j in pairs]
        )
    W = np.array([weights[c] for c in classes])
    M = np.array([centred[c] for c in classes])
    measures["nc3_distance"] = np.linalg.norm(
        W / np.linalg.norm(W) - M / np.linalg.norm(M)
    )
    decisions = np.argmax(features @ weights.T + biases, axis=1)
    nearest = [
        min(classes, key=lambda c, h=h: np.sum((h - means[c]) ** 2)) for h in features
    ]
    measures["nc4"] = np.mean(decisions == nearest)
    exponent = min(
        max(0, (weights[c] - weights[j]) @ means[c] + biases[c] - biases[j]) ** 2
        / (2 * np.sum((weights[c] - weights[j]) ** 2))
        for c in classes
        for j in classes
        if c != j
    )
    closest = min(np.sum((means[c] - means[j]) ** 2) for c, j in pairs)
    measures["exponent_efficiency"] = exponent / (closest / 8)
    noise = in_noise(features, labels, weights, biases)
    measures["noise_cosine"] = np.mean([noise["noise_cosine"][c] for c in classes])
    worst = min(noise["noise_exponent"][c] for c in classes)
    measures["noise_exponent_efficiency"] = worst
    return measures


def in_noise(features, labels, weights, biases):
    """Cosine, exponent and signed distance of each class by T6 and T7, in loops."""
    features = features.astype("float64")
    classes, d = sorted(set(labels)), features.shape[1]
    means = {c: features[labels == c].mean(axis=0) for c in classes}
    covariance = sum(
        np.outer(h - means[y], h - means[y]) / np.sum(labels == y) / len(classes)
        for h, y in zip(features, labels, strict=True)
    )
    covariance /= np.mean([1 - 1 / np.sum(labels == c) for c in classes])
    noise = 0.9 * covariance + 0.1 * np.trace(covariance) / d * np.eye(d)
    inverse = np.linalg.inv(noise)
    centre = sum(means.values()) / len(classes)
    optimum = min(
        (means[c] - means[j]) @ inverse @ (means[c] - means[j]) / 8
        for c in classes
        for j in classes
        if c < j
    )
    values = {"noise_cosine": {}, "noise_exponent": {}, "distance": {}}
    for c in classes:
        w, m = weights[c], means[c] - centre
        cosine = w @ m / np.sqrt((w @ noise @ w) * (m @ inverse @ m))
        rivals = [
            (weights[c] - weights[j], biases[c] - biases[j]) for j in classes if j != c
        ]
        distance = min((v @ means[c] + b) / np.sqrt(v @ noise @ v) for v, b in rivals)
        values["noise_cosine"][c] = cosine
        values["distance"][c] = distance
        values["noise_exponent"][c] = max(0, distance) ** 2 / 2 / optimum
    return values


def measured(features, labels, weights, biases, batch=7, **kwargs):
    metric = spa.metrics.NeuralCollapse(len(weights), **kwargs)
    logits = features @ weights.T + biases
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        metric.update_state(features[rows], labels[rows], logits[rows])
    return metric
