"""Ways in which a network can stop being the one that was bounded, or never was its graph."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import gloro_tf
from gloro_tf.models.by_name import wrapper


def model_with(layer, size=4, classes=3):
    inputs = keras.Input((size,))
    return gloro_tf.GloroModel(inputs, layers.Dense(classes)(layer(inputs)), epsilon=0.1)


def test_a_slope_changed_by_hand_cannot_be_frozen_again_at_the_old_constant():
    activation = layers.LeakyReLU(negative_slope=0.1)
    model = model_with(activation).freeze()
    activation.negative_slope = 100.0
    with pytest.raises(RuntimeError, match="changed since"):
        model.certify(np.zeros((1, 4), "float32"))
    for call in (model.freeze, model.margin_lipschitz, model.lipschitz_report):
        with pytest.raises(RuntimeError, match="Wrap the network again"):
            call()
    again = gloro_tf.GloroModel(model=model.logits_model, epsilon=0.1)
    assert again.margin_lipschitz().max() > 50 * model.frozen_tables()["growth"].max()


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float16", "bfloat16"])
def test_inputs_that_are_rounded_are_refused(dtype):
    inputs = keras.Input((4,), dtype=dtype)
    net = keras.Model(inputs, layers.Dense(3)(layers.Rescaling(1.0)(inputs)))
    with pytest.raises(TypeError, match=f"float32 inputs. Received: an input of {dtype}"):
        gloro_tf.GloroModel(model=net, epsilon=0.1)


class Sharper(keras.Model):
    def call(self, x, training=False, mask=None):
        return ops.sin(1000.0 * super().call(x, training=training))


class SharperSequential(keras.Sequential):
    def call(self, x, training=False, mask=None):
        return 1000.0 * super().call(x, training=training)


def test_models_that_override_call_are_not_their_graph():
    inputs = keras.Input((6,))
    with pytest.raises(TypeError, match="Sharper 'sharper' overrides `call`"):
        gloro_tf.GloroModel(
            model=Sharper(inputs=inputs, outputs=layers.Dense(3)(inputs), name="sharper"),
            epsilon=0.1,
        )
    inner = SharperSequential([keras.Input((6,)), layers.Dense(6)])
    with pytest.raises(TypeError, match="overrides `call`"):
        gloro_tf.GloroModel(inputs, layers.Dense(3)(inner(inputs)), epsilon=0.1)


def test_identity_and_branch_that_cancel_still_round():
    """`I - I` is 0 in real arithmetic; executed, it errs by the rounding of both."""
    layer = gloro_tf.layers.LinearResidualConv2D(1)
    inputs = keras.Input((2, 2, 2))
    net = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layer(inputs))))
    layer.kernel.assign(-np.eye(2, dtype="float32")[None, None])
    tables = gloro_tf.GloroModel(model=net, epsilon=0.1).freeze().frozen_tables()
    assert tables["slope"][0, 1] > 0 and tables["growth"][0, 1] > 0


class Gain(keras.layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


def test_layers_without_a_config_are_watched_too():
    gloro_tf.lipschitz.register(Gain)(lambda layer, shape: abs(layer.factor))
    gain = Gain(1.0)
    model = model_with(gain).freeze()
    gain.factor = 100.0
    with pytest.raises(RuntimeError, match="changed since"):
        model.certify(np.zeros((1, 4), "float32"))


def test_the_network_cannot_be_swapped():
    model = model_with(layers.ReLU())
    with pytest.raises(AttributeError, match="cannot be replaced"):
        model.logits_model = model.logits_model


class Louder(gloro_tf.layers.LinearResidualConv2D):
    def _convolve(self, inputs, kernel):
        return 100.0 * super()._convolve(inputs, kernel)


def test_helpers_of_call_count_as_call():
    inputs = keras.Input((4, 4, 2))
    outputs = layers.Dense(2)(layers.Flatten()(Louder()(inputs)))
    with pytest.raises(TypeError, match="overrides `_convolve`"):
        gloro_tf.GloroModel(inputs, outputs, epsilon=0.1)


def test_the_head_counts_the_rounding_of_its_kernel():
    shared = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    shared /= np.linalg.norm(shared, axis=0)
    slopes = []
    for head in (layers.Dense(3), gloro_tf.layers.UnitNormHead(3)):
        inputs = keras.Input((4,))
        model = gloro_tf.GloroModel(inputs, head(inputs), epsilon=0.1)
        head.kernel.assign(shared)
        slopes.append(model.freeze().frozen_tables()["slope"][0, 1])
    assert slopes[1] > 1.5 * slopes[0]


def test_nan_angles_are_refused():
    layer = gloro_tf.layers.Householder()
    model = model_with(layer)
    layer.angle.assign([np.nan, 1.0])
    with pytest.raises(ValueError, match="finite"):
        model.freeze()


@pytest.mark.float64
@pytest.mark.parametrize("dtype", ["float64"])
def test_our_layers_compute_in_float64(dtype):
    net = gloro_tf.models.LiResNet(1, 4, (8, 8, 1), 3, dense_width=8, dense_depth=1, dtype=dtype)
    y = net(np.random.default_rng(0).random((2, 8, 8, 1)), training=True)
    assert y.shape == (2, 3) and gloro_tf.lipschitz.bound(net) > 0


def test_shared_names_of_sets_survive_saving():
    sets = {"3'": [0, 1], "3": [1, 2]}
    net = gloro_tf.models.CholeskyMLP(1, 4, (4,), 4)
    model = gloro_tf.AffinityModel(model=net, epsilon=0.1, affinity_sets=sets)
    copy = gloro_tf.AffinityModel.from_config(model.get_config())
    assert {tuple(r) for r in copy.sets.tolist()} == {tuple(r) for r in model.sets.tolist()}


@pytest.mark.parametrize("bad", ["rtk", "rtk.x", "rtk.²", "affinity.none", "top.3"])
def test_unknown_relaxations(bad):
    with pytest.raises(ValueError, match="`relaxation` must be"):
        wrapper(bad)


def test_empty_checksums_check_nothing_and_are_refused(tmp_path):
    model = model_with(layers.ReLU()).freeze()
    model.save_to_preset(tmp_path / "p")
    (tmp_path / "p" / "SHA256SUMS").write_text("")
    with pytest.raises(ValueError, match="SHA-256 mismatch"):
        gloro_tf.GloroModel.from_preset(tmp_path / "p")


def test_layers_called_with_arguments_of_their_own_are_refused():
    class Scaled(keras.layers.Layer):
        def call(self, inputs, scale=1.0):
            return inputs * scale

    gloro_tf.lipschitz.register(Scaled)(lambda layer, shape: 1.0)
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(3)(Scaled()(inputs, scale=9.0))
    with pytest.raises(gloro_tf.lipschitz.UnsupportedLayerError, match="does not see.*9.0"):
        gloro_tf.GloroModel(inputs, outputs, epsilon=0.1)
    gloro_tf.GloroModel(inputs, keras.layers.Dense(3)(Scaled()(inputs)), epsilon=0.1)
