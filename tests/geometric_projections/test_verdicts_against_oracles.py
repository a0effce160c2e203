import numpy as np
import oracles
import pytest

from gloro_tf.geometric_projections import _bounds, certify

OPTIONS = [
    {"exact": False},
    {"exact": True},
    {"exact": True, "lower_bound": True},
    {"exact": False, "keep_going": False},
]


def wrong_verdicts(seeds, options=OPTIONS, inputs=4, until_wrong=False):
    """How many verdicts of random networks a dense grid refutes, and all statuses."""
    wrong, statuses = 0, []
    for seed in seeds:
        weights, epsilon, slope = oracles.random_weights(seed)
        x = np.random.default_rng([seed, 1]).normal(size=(inputs, 2)).astype("float32")
        for norm in ("l2", "linf"):
            given = options[seed % len(options)]
            verdicts = certify(oracles.network(weights, slope), x, epsilon, norm=norm, **given)
            wrong += oracles.contradictions(weights, x, epsilon, norm, verdicts, slope).sum()
            statuses += list(verdicts.status)
        if wrong and until_wrong:
            break
    return wrong, statuses


def test_no_verdict_contradicts_a_dense_grid():
    wrong, statuses = wrong_verdicts(range(100))
    assert wrong == 0
    assert min(statuses.count(s) for s in ("ROBUST", "NOT_ROBUST", "UNKNOWN")) > 20


@pytest.mark.slow
def test_no_verdict_of_two_thousand_networks_contradicts_a_dense_grid():
    assert wrong_verdicts(range(100, 2100))[0] == 0


def test_exact_resolution_leaves_nothing_open():
    _, statuses = wrong_verdicts(range(200, 220), [{"exact": True}])
    assert set(statuses) == {"ROBUST", "NOT_ROBUST"}


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_largest_radius_is_the_distance_over_all_patterns(norm):
    found = 0
    for seed in range(4):
        rng = np.random.default_rng([seed, 5])
        sizes = [2, 3, 2, 3]
        weights = [
            (rng.normal(size=(a, b)).astype("float32").astype("float64"), 0.3 * rng.normal(size=b))
            for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        x = rng.normal(size=(2, 2)).astype("float32")
        verdicts = certify(oracles.network(weights), x, 2.0, norm=norm, lower_bound=True)
        for row, status, radius in zip(x.astype("float64"), verdicts.status, verdicts.radius):
            distance = oracles.exact_distance(weights, row, norm)
            assert status == ("ROBUST" if distance > 2.0 else "NOT_ROBUST")
            np.testing.assert_allclose(radius, min(distance, 2.0), rtol=1e-5)
            found += status == "NOT_ROBUST"
    assert found > 3


@pytest.mark.parametrize("factor", [1.5, 3.0])
def test_pruning_by_a_wrong_factor_is_caught(monkeypatch, factor):
    """A planted bug: regions and facets seem farther than they can be."""
    true = _bounds._ratio
    monkeypatch.setattr(_bounds, "_ratio", lambda top, bottom: factor * true(top, bottom))
    assert wrong_verdicts(range(100), [{"exact": True}], until_wrong=True)[0] > 0


def test_a_search_that_forgets_a_neighbour_is_caught(monkeypatch):
    """A planted bug: the last unit's hyperplane is never crossed."""
    true = _bounds.RegionBounds.facets

    def facets(self):
        lower = true(self)
        lower[:, self.side.shape[1] - 1] = np.inf
        return lower

    monkeypatch.setattr(_bounds.RegionBounds, "facets", facets)
    assert wrong_verdicts(range(100), [{"exact": True}], until_wrong=True)[0] > 0


def test_bounds_never_exceed_the_distance_to_the_region_or_its_facets():
    from gloro_tf.geometric_projections._regions import Evaluator

    rng = np.random.default_rng(3)
    checked = 0
    for norm in ("l2", "linf"):
        for seed in range(4):
            weights, _, slope = oracles.random_weights(seed, widest=5)
            evaluator = Evaluator(oracles.network(weights, slope), norm)
            units = evaluator.network.units
            x = rng.normal(size=(6, 2))
            bits = rng.random((6, units)) < 0.5
            bits[:3] = evaluator.pattern(x[:3])[0] ^ (rng.random((3, units)) < 0.15)
            label = evaluator.network.logits(x)[0].argmax(axis=1)
            planes = evaluator.planes(*evaluator.start(x), bits, label)
            bounds = _bounds.RegionBounds(evaluator, planes, bits, 2)
            facets = bounds.facets()
            lift = np.eye(2) if evaluator.frame is None else evaluator.frame
            for row in range(6):
                side = np.where(bits[row], 1.0, -1.0)
                normals = lift @ planes.normal[row, :, :units] * side
                values = planes.value[row, :units] * side
                distance = oracles.nearest(normals, values, norm)
                assert bounds.lower[row] <= distance * (1 + 1e-6) + 1e-9
                for unit in range(units):
                    rows = np.column_stack([normals, -normals[:, unit]])
                    distance = oracles.nearest(rows, np.append(values, -values[unit]), norm)
                    assert facets[row, unit] <= distance * (1 + 1e-6) + 1e-9
                    checked += np.isfinite(distance) and facets[row, unit] > 0
    assert checked > 20
