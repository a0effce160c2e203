"""The white-box attack that compares how target and proxies use features."""

from __future__ import annotations

from typing import Any, Literal

import keras

from gloro_tf.membership._checks import check_labels
from gloro_tf.membership._logistic import sigmoid
from gloro_tf.membership._logits import centred, log_odds, log_softmax, of_class
from gloro_tf.membership._matching import fit_matching, unmatched
from gloro_tf.membership._reference import check_population, compared, outside_mean, unseen
from gloro_tf.membership.evidence import Difference, Evidence, find_evidence
from gloro_tf.membership.references import as_references
from gloro_tf.membership.slices import Cut
from gloro_tf.types import Array, ArrayLike

FORMS = {
    "logit": lambda logits, y: of_class(centred(logits), y),
    "logprob": lambda logits, y: of_class(log_softmax(logits), y),
    "logodds": log_odds,
}


class BayesWB:
    """Bayes-optimal evidence of membership in the weights of a model, above a slice.

    If a softmax-linear model is naive Bayes with normal features, the log-odds that an example of
    class `y` was in its training set are `(W_y - W*_y) . x + b_y - b*_y`, with `W*` and `b*` those
    of the whole population: the displacement of the training set's means. A proxy stands in for
    the population's model. Of a network, weights are the influences of the features at a slice on
    the class score, at each example; with their bias, the log-odds are then exactly the
    difference of the class scores of target and proxy, so scores need no gradients. `evidence`
    says which features they come from.

    Only differences between classes mean anything in a softmax; scores are therefore taken
    relative to their mean over the classes (`"logit"`), as log-probabilities, or relative to the
    classes that compete, `log(p / (1 - p))`. No vector added to the weights of all classes changes
    them. The last, averaged over proxies of the input, orders examples as offline LiRA with one
    deviation and means does.

    The subtraction supposes that target and proxies agree, on average, about strangers. With a
    `population` that is not supposed but measured: `b p + a_y` is fitted to the target's class
    scores on the attacker's examples, none of them members, from the proxies' `p`, and subtracted.

    Args:
        target: a Keras classifier.
        proxies: `References` from `fit_proxies`, or Keras models; scores are averaged over them.
        slice: None, or the layer at which the proxies join the target; defaults to theirs.
        score: `"logit"`, `"logprob"` or `"logodds"`.
        population: optional `(x, y)` of strangers; the attacker's data will do.
        population_inside: optional `(k, m)` bools: which proxy saw whom of the population. Those
            that saw an example are left out of its average; one that all saw is left out.

    Raises:
        ValueError: for another `score`, a `slice` at which the proxies do not join, or
            `population_inside` without a `population`.

    Example:

    ```python
    proxies = gloro_tf.membership.fit_proxies(recipe, x_attacker, y_attacker, k=16, size=400)
    attack = gloro_tf.membership.BayesWB(model, proxies)
    attack.score(x, y)  # larger = member
    ```

    Reference:
        [Leino and Fredrikson, Stolen Memories: Leveraging Model Memorization for Calibrated
        White-Box Membership Inference](https://arxiv.org/abs/1906.11798).
    """

    def __init__(
        self,
        target: keras.Model,
        proxies: Any,
        slice: Any = None,
        score: Literal["logit", "logprob", "logodds"] = "logit",
        population: tuple[ArrayLike, ArrayLike] | None = None,
        population_inside: ArrayLike | None = None,
    ) -> None:
        if score not in FORMS:
            raise ValueError(f"`score` must be one of {tuple(FORMS)}. Received: score={score!r}")
        self.proxies, self.form = as_references(proxies), score
        layer = self.proxies.slice if slice is None else slice
        self.cut = Cut(target, layer)
        if self.cut.layer != self.proxies.slice:
            raise ValueError(
                f"`slice` must be where the proxies join the target. Received: slice={slice!r}, "
                f"position {self.cut.layer}, with proxies that join at {self.proxies.slice}. Pass "
                "the same slice to `fit_proxies`."
            )
        self._matching = None
        if population is not None:
            logits, others, y = self._both(*check_population(population))
            self._matching = matched(logits, others, y, population_inside, score)
        elif population_inside is not None:
            raise ValueError("`population_inside` must come with a `population`. Received: None")

    def score(self, x: ArrayLike, y: ArrayLike, inside: ArrayLike | None = None) -> Array:
        """Log-odds of membership, `(n,)` float64; larger means *member*.

        Args:
            x, y: examples.
            inside: optional `(k, n)` bools: which proxy saw which of them; those that did are left
                out of the average for that example.

        Returns:
            float64 array.
        """
        logits, others, y = self._both(x, y)
        return bayes_scores(logits, others, y, inside, self.form, self._matching)

    def confidence(self, x: ArrayLike, y: ArrayLike) -> Array:
        """The probability of membership `(n,)` under the model of the attack, at even odds.

        Args:
            x, y: examples and their labels.
        """
        return sigmoid(self.score(x, y))

    def evidence(
        self,
        x: ArrayLike,
        y: ArrayLike,
        doi: Literal["point", "line"] = "point",
        n: int = 50,
        baseline: ArrayLike = 0.0,
    ) -> Evidence:
        """The score as a sum over the features at the slice.

        Args:
            x, y: examples.
            doi: `"point"`: influences are the gradients at the example; or `"line"`: their mean on
                the way from the baseline to it (`n` points of Gauss-Legendre quadrature).
            n: int.
            baseline: number or array of the features' shape. Where features are "absent".

        Returns:
            `Evidence`, whose terms and bias add up to the score.

        Raises:
            ValueError: for another `doi`, an `n` below 1, or a `baseline` that does not fit.
        """
        features = self.cut.features(x)
        difference = Difference(self.cut.top, self.proxies.models, self.form)
        y = check_labels(y, difference.classes, len(features))
        return find_evidence(difference, features, y, doi, n, baseline, self._matching)

    def _both(self, x, y):
        """Logits of the target `(n, c)` and of the proxies `(k, n, c)`, and labels."""
        return compared(self.cut.logits(x), self.proxies.predict(x), y)


def bayes_scores(logits, proxies, y, inside=None, form="logit", matching=None):
    """The scores of `BayesWB` from logits `(n, c)` of the target and `(k, n, c)` of the proxies."""
    own, others = FORMS[form](logits, y), outside_mean(FORMS[form](proxies, y), inside)
    return (matching or unmatched(logits.shape[-1])).excess(own, others, y)


def matched(logits, proxies, y, inside=None, form="logit"):
    """The `Matching` of a population, whose arguments are as in `bayes_scores`."""
    logits, proxies, y, inside = unseen(logits, proxies, y, inside)
    own, others = FORMS[form](logits, y), outside_mean(FORMS[form](proxies, y), inside)
    return fit_matching(own, others, y, logits.shape[-1])
