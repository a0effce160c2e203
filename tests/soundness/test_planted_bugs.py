"""The probes have teeth: each of these bugs, planted, is caught; without it the check passes."""

import keras
import numpy as np
import pytest

import gloro_tf
from gloro_tf import lipschitz, margins
from gloro_tf.lipschitz import graph, operators, registry, rules_reshaping
from gloro_tf.lipschitz.rules_linear import ConvGeometry
from gloro_tf.margins import bottom
from gloro_tf.testing import assert_bound_holds, certificate_breaks

layers = keras.layers


def model_of(shape, *parts, seed=0):
    """A chain of layers with random weights of one sign, for which strided norms are large."""
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.uniform(0.2, 1.0, variable.shape))
    return model


def holds(model):
    """Whether the probe finds no fault with the model's bound."""
    try:
        assert_bound_holds(model, model.input_shape[1:], tolerance=1e-4, restarts=16)
    except AssertionError:
        return False
    return True


def square(size=5):
    return layers.Dense(size)


def residual():
    inputs = keras.Input((5,))
    branch = square()(inputs)
    return model_of((5,), keras.Model(inputs, layers.Add()([inputs, branch])))


def concatenated():
    inputs = keras.Input((5,))
    return model_of((5,), keras.Model(inputs, layers.Concatenate()([inputs, inputs])))


def twice():
    shared = square()
    return model_of((5,), shared, shared)


def normalized():
    layer = layers.BatchNormalization()
    model = model_of((5,), layer)
    layer.moving_variance.assign(np.full(5, 0.01))
    return model


def plant_norms(function):
    """Replaces what proves norms by `function(proved norm)`."""

    def plant(monkeypatch):
        right = operators.certified_norm
        monkeypatch.setattr(operators, "certified_norm", lambda m: function(right(m)))
        torus = operators.torus_norm
        monkeypatch.setattr(operators, "torus_norm", lambda *a: function(torus(*a)))

    return plant


def plant_rule(layer_class, rule):
    return lambda monkeypatch: monkeypatch.setitem(registry._RULES, layer_class, rule)


def constant_one(layer, input_shape):
    return 1.0


def forgotten_stride(monkeypatch):
    """A transposed convolution counted as if it had stride 1."""
    right = ConvGeometry.__init__

    def wrong(self, size, kernel_size, strides, *args, **kwargs):
        right(self, size, kernel_size, (1, 1), *args, **kwargs)

    monkeypatch.setattr(ConvGeometry, "__init__", wrong)


def forgotten_phases(monkeypatch):
    """A strided kernel of which only the taps of one phase are kept."""
    right = ConvGeometry.block_kernel

    def wrong(self, kernel, module):
        return right(self, kernel, module)[:, :, : kernel.shape[2]]

    monkeypatch.setattr(lipschitz.ConvOperator, "explicit_side", 0)
    monkeypatch.setattr(ConvGeometry, "block_kernel", wrong)


def forgotten_guard_band(monkeypatch):
    """A circular norm on the image's own torus, used for zero padding."""
    right = ConvGeometry.__init__

    def wrong(self, size, *args, **kwargs):
        right(self, size, *args, **kwargs)
        self.sides = self.size

    monkeypatch.setattr(lipschitz.ConvOperator, "explicit_side", 0)
    monkeypatch.setattr(ConvGeometry, "__init__", wrong)


def dropped_skip(monkeypatch):
    right = graph.Merge.combine

    def wrong(self, constants, sqrt=np.sqrt):
        return right(self, [0.0, *constants[1:]], sqrt)

    monkeypatch.setattr(graph.Merge, "combine", wrong)


def largest_branch(monkeypatch):
    monkeypatch.setattr(graph.Merge, "combine", lambda self, constants, sqrt=None: max(constants))


def counted_padding(monkeypatch):
    """Average pooling that divides by the window, padded cells included."""

    def wrong(geometry, axis):
        matrix = np.zeros((geometry.size[axis], geometry.output[axis]))
        for tap in range(geometry.kernel_size[axis]):
            matrix[geometry._reads(axis, tap)] += 1
        return matrix / geometry.kernel_size[axis]

    monkeypatch.setattr(rules_reshaping, "_average_matrix", wrong)


def counted_once(monkeypatch):
    """Multiplies over distinct layers instead of over calls."""

    def wrong(self, value_of, sqrt=np.sqrt, one=1.0):
        return float(np.prod([value_of(factor) for factor in self.factors()]))

    monkeypatch.setattr(graph.Trace, "constant", wrong)


def unopened_nesting(monkeypatch):
    right = graph._Builder._call

    def wrong(self, node, values):
        if isinstance(node.operation, keras.Model):
            return values[0]
        return right(self, node, values)

    monkeypatch.setattr(graph._Builder, "_call", wrong)


def ignored_activation(monkeypatch):
    for function in list(registry._ACTIVATIONS):
        monkeypatch.setitem(registry._ACTIVATIONS, function, (1.0, 0.0, 0))


def seam():
    """A kernel with zero-padded norm above all four circular norms on 5x5 cells (by 9 %)."""
    layer = layers.Conv2D(1, 3, padding="same", use_bias=False)
    model = model_of((5, 5, 1), layer)
    layer.kernel.assign(np.reshape([[1, 0, 1], [0, -1, 0], [1, 1, 1]], (3, 3, 1, 1)))
    return model


BUGS = {
    "bound_times_0.9_dense": (plant_norms(lambda n: 0.9 * n), lambda: model_of((5,), square())),
    "bound_times_0.9_conv": (
        plant_norms(lambda n: 0.9 * n),
        lambda: model_of((5, 5, 2), layers.Conv2D(3, 3, strides=2, padding="same")),
    ),
    "forgotten_stride": (
        forgotten_stride,
        lambda: model_of((1, 1, 2), layers.Conv2DTranspose(2, 4, strides=4, padding="same")),
    ),
    "forgotten_phases": (
        forgotten_phases,
        lambda: model_of((6, 6, 2), layers.Conv2D(3, 4, strides=2, padding="same")),
    ),
    "forgotten_guard_band": (forgotten_guard_band, seam),
    "dropped_skip": (dropped_skip, residual),
    "largest_branch": (largest_branch, concatenated),
    "counted_padding": (
        counted_padding,
        lambda: model_of((7, 7, 1), layers.AveragePooling2D(2, padding="same")),
    ),
    "overlapping_max_pool_as_1": (
        plant_rule(layers.MaxPooling2D, constant_one),
        lambda: model_of((6, 6, 1), layers.MaxPooling2D(3, 1)),
    ),
    "layer_used_twice_counted_once": (counted_once, twice),
    "nested_model_as_1": (
        unopened_nesting,
        lambda: model_of((5,), model_of((5,), square()), layers.ReLU()),
    ),
    "batch_normalization_as_1": (
        plant_rule(layers.BatchNormalization, constant_one),
        normalized,
    ),
    "rescaling_as_1": (
        plant_rule(layers.Rescaling, constant_one),
        lambda: model_of((5,), layers.Rescaling(255.0)),
    ),
    "swish_as_1": (
        ignored_activation,
        lambda: model_of((1,), layers.Dense(1, activation="swish")),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_probe_catches(name, monkeypatch):
    plant, make = BUGS[name]
    assert holds(make())
    plant(monkeypatch)
    assert not holds(make())
    monkeypatch.undo()
    assert holds(make())


# ---- certificates


def tied_model():
    net = model_of((3,), layers.Dense(3, use_bias=False))
    net.layers[-1].kernel.assign(np.eye(3))
    return gloro_tf.GloroModel(model=net, epsilon=0.01).freeze()


TIES = np.array([[1, 1, 0], [2, 2, 2], [0, 3, 3]], "float32")


def certifies_ties_by_scores():
    scores = tied_model().predict(TIES, verbose=0)
    return bool((scores[:, :-1].max(axis=1) > scores[:, -1]).any())


def certifies_ties_by_radius():
    return bool((tied_model().certify(TIES).radius > 0).any())


def bottom_masked_by_value(logits, growth_of, relaxation):
    largest = keras.ops.max(logits, axis=-1, keepdims=True)
    scores = logits + growth_of(keras.ops.argmax(logits, axis=-1))
    rivals = keras.ops.where(logits == largest, -np.inf, scores)
    return keras.ops.concatenate([logits, keras.ops.max(rivals, axis=-1, keepdims=True)], -1)


def radii_masked_by_value(self, logits, length, relaxation):
    labels = logits.argmax(axis=1)
    margin = logits.max(axis=1, keepdims=True) - logits
    growth = np.where(margin == 0, 1.0, self.growth[labels])
    radius = np.where(margin == 0, np.inf, margin / growth)
    return radius.min(axis=1)[:, None], labels[:, None]


def test_a_winner_masked_by_value_is_caught_in_the_scores(monkeypatch):
    assert not certifies_ties_by_scores()
    monkeypatch.setattr(bottom, "relaxed_bottom", bottom_masked_by_value)
    assert certifies_ties_by_scores()


def test_a_winner_masked_by_value_is_caught_in_the_radii(monkeypatch):
    assert not certifies_ties_by_radius()
    monkeypatch.setattr(margins.FrozenMargins, "radii", radii_masked_by_value)
    assert certifies_ties_by_radius()


def test_constants_times_0_9_break_under_attack(monkeypatch):
    """A linear certificate is tight, so radii a ninth too large do not survive."""
    linear = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    model = gloro_tf.GloroModel(model=linear, epsilon=0.1)
    x = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
    attack = {"steps": 40, "restarts": 1}
    assert not certificate_breaks(model.freeze(), x, **attack).broken.any()
    right = margins.FrozenMargins.from_bound
    monkeypatch.setattr(
        margins.FrozenMargins, "from_bound", lambda k, *slack: right(0.9 * k, *slack)
    )
    assert certificate_breaks(model.freeze(), x, **attack).broken.mean() > 0.5
