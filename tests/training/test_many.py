"""Members trained together against the same models trained alone by a plain loop."""

import keras
import numpy as np
import pytest

from gloro_tf.training import ManyModels, epoch_order, fit_many
from gloro_tf.training._many_checks import uses_xla

EXAMPLES, FEATURES, CLASSES, BATCH, EPOCHS = 75, 6, 3, 16, 3
SEEDS = [5, 6, 5]
rng = np.random.default_rng(0)
X = rng.normal(size=(EXAMPLES, FEATURES)).astype("float32")
Y = rng.integers(0, CLASSES, EXAMPLES)
MASKS = np.ones((3, EXAMPLES), bool)
MASKS[0, :3], MASKS[2, [7, 40]] = False, False


def build():
    inputs = keras.Input((FEATURES,))
    hidden = keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(inputs)
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(hidden))


def linear():
    return keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(CLASSES)])


def fit(x=X, masks=MASKS, seeds=SEEDS, **kwargs):
    given = {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": keras.optimizers.Adam(0.01)}
    return fit_many(
        build, x, Y, seeds=seeds, masks=masks, **(given | {"jit_compile": False} | kwargs)
    )


def alone(make, x, seed, mask, optimizer, order_seed=None):
    """One model, trained by Keras on one batch after another."""
    keras.utils.set_random_seed(seed)
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=True)
    for epoch in range(EPOCHS):
        order = epoch_order(seed if order_seed is None else order_seed, epoch, len(x))
        order = order[mask[order]]
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            model.train_on_batch(x[rows], Y[rows])
    return [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]


def distance(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


def of(many, member):
    return [w[member] for w in many.weights]


@pytest.fixture(scope="module")
def many():
    return fit()


@pytest.mark.parametrize("member", [1, 2])
def test_each_member_is_as_if_alone(many, member):
    reference = alone(build, X, SEEDS[member], MASKS[member], keras.optimizers.Adam(0.01))
    assert distance(of(many, member), reference) < 1e-4


def test_the_comparison_would_see_another_order(many):
    other = alone(build, X, 6, MASKS[1], keras.optimizers.Adam(0.01), order_seed=7)
    assert distance(of(many, 1), other) > 1e-2


def test_examples_left_out_have_no_influence_and_others_do(many):
    """Members 1 and 2 do see the changed examples, whose losses are infinite."""
    changed = X.copy()
    changed[:3] = 1e30
    again = fit(changed)
    assert distance(of(again, 0), of(many, 0)) == 0  # also: the same twice
    assert not distance(of(again, 1), of(many, 1)) < 1e-4
    assert not distance(of(again, 2), of(many, 2)) < 1e-4


def test_members_do_not_influence_each_other(many):
    fewer = fit(masks=MASKS[1:], seeds=SEEDS[1:])
    assert distance(of(fewer, 1), of(many, 2)) < 1e-6
    assert distance(of(many, 0), of(many, 2)) > 1e-4  # one seed, other examples


def test_sample_weights_scale_the_gradient():
    """And XLA, which `twice` uses on TensorFlow, gives the same as no XLA."""
    given = {"seeds": [1, 2], "epochs": 2}
    doubled = np.full(EXAMPLES, 2)
    twice = fit_many(
        linear, X, Y, **given, optimizer=keras.optimizers.SGD(0.1), sample_weight=doubled
    )
    faster = fit_many(linear, X, Y, **given, optimizer=keras.optimizers.SGD(0.2), jit_compile=False)
    assert distance(twice.weights, faster.weights) < 1e-5
    np.testing.assert_allclose(twice.losses[0], 2 * faster.losses[0], rtol=1e-4)


def test_convolutions(many):
    def conv():
        layers = [keras.layers.Reshape((3, 2, 1)), keras.layers.Conv2D(2, 2, activation="relu")]
        layers += [keras.layers.Flatten(), keras.layers.Dense(CLASSES)]
        return keras.Sequential([keras.Input((FEATURES,)), *layers])

    found = fit_many(conv, X, Y, n=2, epochs=EPOCHS, batch_size=BATCH, optimizer="sgd")
    reference = alone(conv, X, 1, MASKS[1], keras.optimizers.SGD(0.01))
    assert distance(of(found, 1), reference) < 1e-4


def test_what_many_models_give(many):
    outputs = many.predict(X, batch_size=50)
    assert outputs.shape == (3, EXAMPLES, CLASSES) and len(many) == 3
    np.testing.assert_array_equal(many.labels(X), outputs.argmax(axis=-1))
    models = many.models()
    assert len({m.name for m in models}) == 3
    for model, expected in zip(models, outputs, strict=True):
        np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(many.subset([2, 0]).predict(X), outputs[[2, 0]], atol=1e-5)
    scores = many.scores(keras.ops.convert_to_tensor(np.stack([X] * 3)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scores), outputs, atol=1e-5)
    assert many.losses.shape == (EPOCHS, 3) and np.all(many.losses[-1] < many.losses[0])
    assert distance(of(many, -1), [keras.ops.convert_to_numpy(v) for v in many[-1].variables]) == 0
    assert "3 times" in repr(many) and isinstance(many, ManyModels)
    with pytest.raises(IndexError):
        many[3]
    with pytest.raises(TypeError, match="`index`"):
        many[1:2]


def test_xla_is_left_out_for_convolutions():
    image = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
    assert uses_xla("auto", build()) and not uses_xla("auto", image) and uses_xla(True, image)
    recurrent = keras.Sequential([keras.Input((4, 2)), keras.layers.SimpleRNN(3)])
    assert not uses_xla("auto", recurrent)


class Lookalike(keras.optimizers.SGD):
    pass


def used():
    optimizer = keras.optimizers.SGD()
    optimizer.build([])
    return optimizer


def layer(*layers):
    return lambda: keras.Sequential(
        [keras.Input((FEATURES,)), *layers, keras.layers.Dense(CLASSES)]
    )


def growing(built=[]):  # noqa: B006
    built.append(1)
    return keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(len(built))])


@pytest.mark.parametrize(
    "message, given",
    [
        ("`optimizer` must be one", {"optimizer": keras.optimizers.Lamb()}),
        ("`optimizer` must be one", {"optimizer": "adafactor"}),
        ("`optimizer` must be one", {"optimizer": Lookalike()}),
        ("clip norms.*clipnorm=1", {"optimizer": keras.optimizers.SGD(clipnorm=1.0)}),
        ("global_clipnorm=2", {"optimizer": keras.optimizers.Adam(global_clipnorm=2.0)}),
        ("must be new", {"optimizer": used()}),
        ("`loss` must be", {"loss": "mse"}),
        ("one number for each", {"loss": lambda y, p: keras.ops.mean(p)}),
        ("keep a state", {"build": layer(keras.layers.Dropout(0.5))}),
        ("keep a state", {"build": layer(keras.layers.BatchNormalization())}),
        (
            "weight constraints",
            {"build": layer(keras.layers.Dense(4, kernel_constraint="unit_norm"))},
        ),
        ("keras.Input", {"build": lambda: keras.Sequential([keras.layers.Dense(3)])}),
        ("same architecture", {"build": growing}),
        ("`build` must be callable", {"build": 3}),
        ("outputs \\(batch, classes\\)", {"build": layer(keras.layers.Reshape((2, 3)))}),
        ("`n`, `seeds` and `masks`", {"seeds": [1, 2, 3]}),
        ("`n`, `seeds` and `masks`", {"n": None}),
        ("`seeds` must be", {"seeds": [-1, 2]}),
        ("`masks` must be bools", {"masks": np.ones((2, 3), bool)}),
        ("`masks` must be bools", {"masks": np.ones((2, EXAMPLES))}),
        ("same number of batches", {"masks": np.arange(EXAMPLES) < [[20], [75]]}),
        ("same number of batches", {"masks": np.zeros((2, EXAMPLES), bool)}),
        ("`sample_weight`", {"sample_weight": np.ones(3)}),
        ("`sample_weight`", {"sample_weight": -np.ones(EXAMPLES)}),
        ("`epochs`", {"epochs": 0}),
        ("`n`", {"n": 2.5}),
        ("`batch_size`", {"batch_size": 2.5}),
        ("`jit_compile`", {"jit_compile": "yes"}),
        ("same number of examples", {"y": Y[:-1]}),
        ("`x` must hold finite", {"x": np.full_like(X, np.nan)}),
    ],
)
def test_what_is_refused(message, given):
    arguments = {"build": build, "x": X, "y": Y, "n": 2, **given}
    with pytest.raises(ValueError, match=message):
        fit_many(arguments.pop("build"), arguments.pop("x"), arguments.pop("y"), **arguments)
