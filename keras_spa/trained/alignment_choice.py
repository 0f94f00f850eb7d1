import dataclasses

from keras_spa import markdown
from keras_spa.trained import adjustment


@dataclasses.dataclass(frozen=True)
class AlignmentChoice:
    """What `align` does to a classifier, and why; print it for the verdict.

    The logits z of the model become `(a·z + β·z* − τ·log π)/T`, with z* the logits of
    the optimal classifier in the metric of the noise (`theory.optimal_classifier`) and
    π the training frequencies of the classes.

    Args:
        tau: τ, how much of the logarithm of the training frequencies is taken off.
        beta: β, the weight of the optimal classifier's logits.
        scale: a, the weight of the model's own logits.
        shrinkage: α, the share of isotropic noise in the covariance.
        prior_share: t, at which `softmax(z + t·log π)` makes the training labels most
            likely: near 0 for a model whose logits hold the training frequencies
            already, as after cross-entropy; near 1 for one that was trained without
            them, as by balanced softmax.
        before: Measures of the model on the held-out images, None without: `accuracy`
            (mean over classes), `log_loss` (mean over classes), `calibration_error`.
        after: The same of the aligned one. It was fitted on these images.
        temperature: T, which leaves the decisions and makes the logits as confident as
            those of the model were, without β.
        notes: Sentences about what was found, and what was done about it.

    Example:

    >>> import keras_spa as spa
    >>> print(spa.AlignmentChoice(tau=1.0, beta=0.2, shrinkage=0.1, prior_share=0.02))
    Trained with the training frequencies: adjusted by τ = 1.00. Turned towards the
    optimum in the metric of the noise by β = 0.20 (shrinkage 0.10).

    Reference: ours; the adjustment is that of Menon et al. (ICLR 2021), "Long-tail
    learning via logit adjustment".
    """

    tau: float
    beta: float
    scale: float = 1.0
    shrinkage: float = 0.1
    prior_share: float = 0.0
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None
    notes: tuple[str, ...] = ()
    temperature: float = 1.0

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        """`(a, β, τ, T)`."""
        return self.scale, self.beta, self.tau, self.temperature

    @property
    def verdict(self) -> str:
        """What was found and done, in sentences."""
        share = adjustment.snapped(self.prior_share)
        if self.prior_share == self.tau == 0:
            trained = "Classes of equal frequencies"
        elif share == 0:
            trained = "Trained with the training frequencies"
        elif share == 1:
            trained = "Trained against the training frequencies"
        else:
            trained = f"Trained with {1 - self.prior_share:.2f} of the log frequencies"
        done = f"adjusted by τ = {self.tau:.2f}" if self.tau else "not adjusted"
        text = f"{trained}: {done}. "
        if self.beta:
            towards = "towards" if self.beta > 0 else "away from"
            text += (
                f"Turned {towards} the optimum in the metric of the noise by β = "
                f"{self.beta:.2f} (shrinkage {self.shrinkage:.2f})."
            )
            if self.temperature != 1:
                text += (
                    f" As confident as before at temperature {self.temperature:.2f}."
                )
        else:
            text += "Not turned towards the optimum."
        if self.scale != 1:
            text += f" The model's own logits count {self.scale:.2f}-fold."
        if self.before and self.after:
            text += " On the held-out images: " + ", ".join(
                f"{name.replace('_', ' ')} {value:.3f} → {self.after[name]:.3f}"
                for name, value in self.before.items()
            )
            text += "."
        return " ".join([text, *self.notes])

    def __str__(self) -> str:
        return self.verdict

    def _repr_markdown_(self) -> str:
        """What a notebook shows: the verdict, and the numbers as a table."""
        numbers = {
            "τ": self.tau,
            "β": self.beta,
            "a": self.scale,
            "T": self.temperature,
            "shrinkage": self.shrinkage,
            "prior share t": self.prior_share,
        }
        rows = [["", ""], *([name, f"{value:.3g}"] for name, value in numbers.items())]
        return f"{self.verdict}\n\n{markdown.table(rows)}"
