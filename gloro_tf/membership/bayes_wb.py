"""The white-box attack that compares how target and proxies use features."""

import numpy as np

from gloro_tf.membership._checks import check_labels
from gloro_tf.membership._logistic import sigmoid
from gloro_tf.membership._logits import centred, log_softmax, of_class, two_columns
from gloro_tf.membership._reference import outside_mean
from gloro_tf.membership.evidence import Difference, find_evidence
from gloro_tf.membership.references import as_references
from gloro_tf.membership.slices import Cut

FORMS = {"logit": centred, "logprob": log_softmax}


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
    relative to their mean over the classes, or as log-probabilities. No vector added to the
    weights of all classes changes them.

    Args:
        target: a Keras classifier.
        proxies: `References` from `fit_proxies`, or Keras models; scores are averaged over them.
        slice: None, or the layer at which the proxies join the target; defaults to theirs.
        score: `"logit"` or `"logprob"`.

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

    def __init__(self, target, proxies, slice=None, score="logit"):
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

    def score(self, x, y, inside=None):
        """Log-odds of membership, `(n,)` float64; larger means *member*.

        Args:
            x, y: examples.
            inside: optional `(k, n)` bools: which proxy saw which of them; those that did are left
                out of the average for that example.
        """
        logits, proxies = two_columns(self.cut.logits(x)), self.proxies.predict(x)
        y = check_labels(y, logits.shape[-1], len(logits))
        return bayes_scores(logits, proxies, y, inside, self.form)

    def confidence(self, x, y):
        """The probability of membership `(n,)` under the model of the attack, at even odds."""
        return sigmoid(self.score(x, y))

    def evidence(self, x, y, doi="point", n=50, baseline=0.0):
        """The score as a sum over the features at the slice.

        Args:
            x, y: examples.
            doi: `"point"`: influences are the gradients at the example; or `"line"`: their mean on
                the way from the baseline to it (`n` points of Gauss-Legendre quadrature).
            n: int.
            baseline: number or array of the features' shape. Where features are "absent".

        Returns:
            `Evidence`, whose terms and bias add up to the score.
        """
        features = self.cut.features(x)
        difference = Difference(self.cut.top, self.proxies.models, self.form)
        y = check_labels(y, difference.classes, len(features))
        return find_evidence(difference, features, y, doi, n, baseline)


def bayes_scores(logits, proxies, y, inside=None, form="logit"):
    """The scores of `BayesWB` from logits `(n, c)` of the target and `(k, n, c)` of the proxies."""
    take = FORMS[form]
    own = of_class(take(logits), y)
    return own - outside_mean(of_class(take(proxies), np.asarray(y)), inside)
