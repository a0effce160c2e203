"""Every attack on one target, with shadows trained once and used by all."""

import numpy as np

from gloro_tf.membership._logits import log_odds, two_columns
from gloro_tf.membership.baselines import LossThreshold, Naive, loss_scores, naive_scores
from gloro_tf.membership.bayes_wb import BayesWB, bayes_scores
from gloro_tf.membership.calibrator import Calibrator
from gloro_tf.membership.general_wb import GeneralWB
from gloro_tf.membership.lira import LiRA, lira_scores
from gloro_tf.membership.references import References, fit_proxies
from gloro_tf.membership.rmia import RMIA, log_ratios, rmia_scores
from gloro_tf.membership.shadow_black_box import ShadowBlackBox
from gloro_tf.membership.slices import Cut
from gloro_tf.membership.split import balanced_masks


class Suite:
    """The attacks of an audit.

    Args:
        recipe: `TrainingRecipe` of the targets.
        x, y: all examples.
        split: `MembershipSplit`.
        proxies, shadows, rounds: int. As in `audit`.
        slices: layers besides the input.
        seed: int.
    """

    def __init__(self, recipe, x, y, split, proxies, shadows, rounds, slices, seed):
        self.recipe, self.split, self.seed = recipe, split, seed
        self.proxies, self.rounds, self.slices = (
            proxies,
            rounds,
            [s for s in slices if s is not None],
        )
        self.judged = x[split.candidates], y[split.candidates]
        self.pool = x[split.attacker], y[split.attacker]
        # Two thirds at most, or no example would be left that a shadow has not seen.
        self.size = min(len(split.members), max(1, 2 * len(split.attacker) // 3))
        self.apart = fit_proxies(recipe, *self.pool, proxies, self.size, seed=seed)
        masks = balanced_masks(shadows, len(split.candidates), seed)
        self.online = fit_proxies(recipe, *self.judged, masks=masks, seed=seed + 1)

    def attacks(self, model):
        """`{name: scores on the candidates}`, the naive attack first."""
        x, y = self.judged
        inside, population = self.online.masks, self.pool
        found = {
            "naive": Naive(model).score(x, y),
            "loss threshold": LossThreshold(model).score(x, y),
            "shadow black-box": self._black_box(model).score(x, y),
            "RMIA, offline": RMIA(model, self.apart, population, self.apart.masks).score(x, y),
            "LiRA, offline": LiRA(model, self.apart).score(x, y),
            "LiRA, online": LiRA(model, self.online, online=True).score(x, y, inside),
            "bayes-wb": BayesWB(model, self.apart).score(x, y),
        }
        for slice in self.slices:
            proxies = fit_proxies(
                self.recipe,
                *population,
                self.proxies,
                self.size,
                slice=slice,
                frozen_from=model,
                seed=self.seed,
            )
            found[f"bayes-wb, {slice}"] = BayesWB(model, proxies).score(x, y)
        if self.rounds:
            found["general-wb"] = self._general(model).score(x, y)
        return found

    def accuracies(self, model):
        """`(training accuracy, test accuracy)`, on members and non-members."""
        right = naive_scores(two_columns(Cut(model).logits(self.judged[0])), self.judged[1])
        return float(right[self.split.is_member].mean()), float(right[~self.split.is_member].mean())

    def calibrators(self, precision, confidence, prior):
        """Fitted `Calibrator`s by attack, from each shadow as a target of the others."""
        found = {}
        for name, parts in self._shadow_scores().items():
            scores, inside = (np.concatenate(part) for part in zip(*parts, strict=True))
            found[name] = Calibrator(precision, confidence, prior).fit(scores, inside)
        return found

    def _general(self, model):
        attack = GeneralWB(model, [None, *self.slices], self.rounds, seed=self.seed)
        return attack.fit(self.recipe, *self.pool, size=self.size)

    def _black_box(self, model, shadows=None):
        return ShadowBlackBox(model).fit(shadows or self.apart, *self.pool)

    def _shadow_scores(self):
        x, y = self.pool
        logits, masks = self.apart.predict(x), self.apart.masks
        found = {}
        for i in range(len(masks)):
            # An example that all others saw has nothing to be compared with.
            kept = ~np.delete(masks, i, axis=0).all(axis=0)
            own, others = logits[i][kept], np.delete(logits, i, axis=0)[:, kept]
            inside, labels = np.delete(masks, i, axis=0)[:, kept], y[kept]
            for name, scores in _offline(own, others, labels, inside, masks[i][kept]).items():
                found.setdefault(name, []).append((scores, masks[i][kept]))
        found |= {"LiRA, online": self._online_scores(), "shadow black-box": self._vectors()}
        return found

    def _online_scores(self):
        x, y = self.judged
        odds, masks = log_odds(self.online.predict(x), y), self.online.masks
        return [
            (lira_scores(odds[i], *(np.delete(a, i, axis=0) for a in (odds, masks)), True), m)
            for i, m in enumerate(masks)
        ]

    def _vectors(self):
        """The black-box attack, learned on half of the shadows, on the other half."""
        half = len(self.apart) // 2
        known = References(_First(self.apart.models, half), self.apart.masks[:half])
        attack = self._black_box(self.apart[0], known)
        logits = self.apart.predict(self.pool[0])[half:]
        pairs = zip(logits, self.apart.masks[half:], strict=True)
        return [(attack.of_logits(part, self.pool[1]), mask) for part, mask in pairs]


class _First:
    """The first `count` of some models."""

    def __init__(self, models, count):
        self.models, self.count = models, count

    def __len__(self):
        return self.count

    def predict(self, x):
        return self.models.predict(x)[: self.count]


def _offline(own, others, y, inside, members):
    """The scores of a shadow under the attacks that compare with models without the example."""
    ratios = log_ratios(own, others, y, inside)
    return {
        "loss threshold": loss_scores(own, y),
        "RMIA, offline": rmia_scores(ratios, ratios[~members]),
        "LiRA, offline": lira_scores(log_odds(own, y), log_odds(others, y), inside),
        "bayes-wb": bayes_scores(own, others, y, inside),
    }
