"""Every attack on one target, with shadows trained once and used by all."""

import numpy as np

from gloro_tf.membership._logits import log_odds, two_columns
from gloro_tf.membership._reference import unseen
from gloro_tf.membership.baselines import LossThreshold, Naive, loss_scores, naive_scores
from gloro_tf.membership.bayes_wb import BayesWB, bayes_scores, matched
from gloro_tf.membership.calibrator import Calibrator
from gloro_tf.membership.general_wb import GeneralWB
from gloro_tf.membership.lira import LiRA, lira_scores
from gloro_tf.membership.references import fit_proxies
from gloro_tf.membership.rmia import RMIA, log_ratios, rmia_scores
from gloro_tf.membership.shadow_black_box import ShadowBlackBox
from gloro_tf.membership.slices import Cut
from gloro_tf.membership.split import balanced_masks, random_masks, two_camps

SHADOWS_AT_A_SLICE = 4  # each has proxies of its own, as they share its lower layers


class Suite:
    """The attacks of an audit.

    Args:
        recipe: `TrainingRecipe` of the targets.
        x, y: all examples.
        split: `MembershipSplit`.
        proxies, shadows, rounds: int. As in `audit`.
        slices: `{name: position}` of layers besides the input.
        seed: int.
    """

    def __init__(self, recipe, x, y, split, proxies, shadows, rounds, slices, seed):
        self.recipe, self.split, self.seed, self.general = recipe, split, seed, None
        self.proxies, self.rounds = proxies, rounds
        self.slices = slices
        self.judged = x[split.candidates], y[split.candidates]
        self.pool = x[split.attacker], y[split.attacker]
        # Each reference sees one half of the pool; a sixth of it is left for non-members.
        self.size = min(len(split.members), max(1, 5 * (len(split.attacker) // 2) // 6))
        masks, self.camps = two_camps(proxies, len(split.attacker), self.size, seed)
        self.apart = fit_proxies(recipe, *self.pool, masks=masks, seed=seed)
        masks = _halves(shadows, len(split.members), len(split.candidates), seed)
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
            "bayes-wb, matched": self._matched(model).score(x, y),
        }
        for name, slice in self.slices.items():
            attack = self._above(slice, model, *population, self.seed)
            found[f"bayes-wb, {name}"] = attack.score(x, y)
        if self.rounds:
            self.general = self._general(model)
            found["general-wb"] = self.general.score(x, y)
        return found

    def copies(self):
        """How many of the non-members and the attacker's examples equal a member, bit for bit."""
        rows, inside = self.judged[0], self.split.is_member
        known = {row.tobytes() for row in rows[inside]}
        return sum(row.tobytes() in known for row in (*rows[~inside], *self.pool[0]))

    def odd_classes(self):
        """Classes by which alone an example is told, or that no reference knows; and why."""
        inside, outside = (set(self.judged[1][self.split.is_member == m].tolist()) for m in (1, 0))
        unknown = (inside | outside) - set(self.pool[1].tolist())
        found = [
            (inside ^ outside, "only among members or only among non-members: it tells by itself."),
            (unknown, "not among the attacker's examples: references cannot know it."),
        ]
        return [(sorted(classes), f"is {what}") for classes, what in found if classes]

    def accuracies(self, model):
        """`(training accuracy, test accuracy)`, on members and non-members."""
        right = naive_scores(two_columns(Cut(model).logits(self.judged[0])), self.judged[1])
        return float(right[self.split.is_member].mean()), float(right[~self.split.is_member].mean())

    def calibrators(self, precision, confidence, prior):
        """Fitted `Calibrator`s by attack, from references as targets; after `attacks`."""
        found = {}
        for name, parts in self._shadow_scores().items():
            scores, inside = (np.concatenate(part) for part in zip(*parts, strict=True))
            found[name] = Calibrator(precision, confidence, prior).fit(scores, inside)
        return found

    def _above(self, slice, model, x, y, seed):
        """The attack at a slice of a model, with proxies of what lies above it."""
        options = {"slice": slice, "frozen_from": model, "seed": seed}
        proxies = fit_proxies(self.recipe, x, y, self.proxies, self.size, **options)
        return BayesWB(model, proxies)

    def _general(self, model):
        attack = GeneralWB(model, [None, *self.slices.values()], self.rounds, seed=self.seed)
        return attack.fit(self.recipe, *self.pool, size=self.size)

    def _black_box(self, model):
        return ShadowBlackBox(model).fit(self.apart, *self.pool)

    def _matched(self, model):
        population = {"population": self.pool, "population_inside": self.apart.masks}
        return BayesWB(model, self.apart, score="logodds", **population)

    def _shadow_scores(self):
        """`{attack: [(scores, is_member) for each shadow]}`.

        A reference of one half of the pool is a target for those of the other: they saw neither
        its members nor the rest of its half, as they saw nothing of the audited model's.
        """
        y, masks, camps = self.pool[1], self.apart.masks, self.camps
        logits, found = self.apart.predict(self.pool[0]), {}
        for i, mask in enumerate(masks):
            own, rest, others = camps == i % 2, camps != i % 2, slice(1 - i % 2, None, 2)
            strangers = logits[i, rest], logits[others, rest], y[rest], masks[others, rest]
            scores = _offline(logits[i, own], logits[others, own], y[own], unseen(*strangers))
            for name, values in scores.items():
                found.setdefault(name, []).append((values, mask[own]))
        found |= {"LiRA, online": self._online_scores(), "shadow black-box": self._vectors(logits)}
        found |= {f"bayes-wb, {name}": self._sliced(slice) for name, slice in self.slices.items()}
        found["general-wb"] = self.general.held_out() if self.general else []
        return {name: parts for name, parts in found.items() if parts}

    def _sliced(self, slice):
        """The attack at a slice of the first references, with proxies from the other half's data."""
        (x, y), found = self.pool, []
        for i in range(min(SHADOWS_AT_A_SLICE, len(self.apart))):
            own, rest = self.camps == i % 2, self.camps != i % 2
            # Another seed than the references': a proxy must not begin where its shadow began.
            seed = int(np.random.default_rng([self.seed, 5, i]).integers(2**31))
            attack = self._above(slice, self.apart[i], x[rest], y[rest], seed)
            found.append((attack.score(x[own], y[own]), self.apart.masks[i, own]))
        return found

    def _online_scores(self):
        """Each online reference as a target of the others but its complement."""
        if len(self.online) < 6:  # Else the other pairs have no deviation.
            return []
        x, y = self.judged
        odds, masks = log_odds(self.online.predict(x), y), self.online.masks
        found = []
        for i, mask in enumerate(masks):
            pair = [i, i ^ 1]
            others = (np.delete(a, pair, axis=0) for a in (odds, masks))
            found.append((lira_scores(odds[i], *others, True), mask))
        return found

    def _vectors(self, logits):
        """The black-box attack, learned on the references of one half, on those of the other."""
        y, masks, found = self.pool[1], self.apart.masks, []
        for camp in (0, 1):
            own, rest = self.camps == camp, self.camps != camp
            known, others = slice(camp, None, 2), slice(1 - camp, None, 2)
            attack = ShadowBlackBox(self.apart[0])
            attack.fit_logits(logits[known, own], y[own], masks[known, own])
            pairs = zip(logits[others, rest], masks[others, rest], strict=True)
            found += [(attack.of_logits(part, y[rest]), mask) for part, mask in pairs]
        return found


def _halves(k, members, candidates, seed):
    """Who trains the online references: as many as the target has members, half if they are."""
    if 2 * members == candidates:
        return balanced_masks(k, candidates, seed)
    return random_masks(k, candidates, members, seed)


def _offline(own, others, y, strangers):
    """The scores of a shadow under the attacks whose references saw none of the examples."""
    matching = matched(*strangers, form="logodds")
    found = {}
    if len(others) > 1:  # One has no deviation to divide by.
        found["LiRA, offline"] = lira_scores(log_odds(own, y), log_odds(others, y))
    return found | {
        "loss threshold": loss_scores(own, y),
        "RMIA, offline": rmia_scores(log_ratios(own, others, y), log_ratios(*strangers)),
        "bayes-wb": bayes_scores(own, others, y),
        "bayes-wb, matched": bayes_scores(own, others, y, None, "logodds", matching),
    }
