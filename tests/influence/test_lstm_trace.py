import keras
import numpy as np
import pytest
from small_language_models import VOCABULARY, random_model

from gloro_tf.influence import LSTMTrace
from gloro_tf.influence._edges import lstm_step

L = keras.layers
IDS = np.array([[1, 4, 7, 3], [0, 19, 2, 2]])


def build(*middle, embedding=None, head=None, length=None):
    words = keras.Input((length,), dtype="int32")
    x = (embedding or L.Embedding(VOCABULARY, 5, name="words"))(words)
    for layer in middle:
        x = layer(x)
    return keras.Model(words, (head or L.Dense(VOCABULARY, name="head"))(x))


def lstm(units=4, **options):
    return L.LSTM(units, return_sequences=True, **options)


def sharpen(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("units", [(3,), (7, 6), (2, 5, 4)])
def test_the_forward_pass_is_that_of_keras(units):
    model = random_model(units)
    trace = LSTMTrace.from_keras(model)
    assert trace.units == list(units) and trace.deviation <= 1e-5
    expected = keras.ops.convert_to_numpy(model(IDS))
    np.testing.assert_allclose(trace.logits(IDS), expected, rtol=0, atol=2e-5)


def test_all_that_is_supported():
    last = [lstm(4, use_bias=False), L.SpatialDropout1D(0.5), L.LSTM(3, unroll=True)]
    softmax = L.Dense(VOCABULARY, activation="softmax", use_bias=False)
    for model in (
        build(*last, head=softmax, length=6),
        build(lstm(dropout=0.5, recurrent_dropout=0.5), head=L.TimeDistributed(L.Dense(9))),
        keras.Sequential([*build(lstm()).layers[1:], L.Softmax()]),
        keras.Sequential([*build(lstm()).layers[1:], L.Activation("log_softmax")]),
    ):
        model(np.zeros((1, 6), "int32"))
        assert LSTMTrace.from_keras(sharpen(model)).deviation < 1e-5


def test_parts_by_name():
    doubled = build(lstm(name="low"), lstm(name="top"), L.LayerNormalization(name="norm"))
    with pytest.raises(ValueError, match="norm.*LayerNormalization.*Remedy"):
        LSTMTrace.from_keras(doubled)
    with pytest.raises(ValueError, match="forward pass that differs"):
        LSTMTrace.from_keras(sharpen(doubled), "words", ["low", "top"], "head")
    model = sharpen(build(lstm(name="low"), L.Activation("linear", name="none"), lstm(name="top")))
    trace = LSTMTrace.from_keras(model, "words", ["low", "top"], "head")
    assert trace.units == [4, 4]
    with pytest.raises(ValueError, match="differs"):
        LSTMTrace.from_keras(
            sharpen(build(lstm(5, name="a"), lstm(5, name="b"))), "words", ["b", "a"], "head"
        )
    with pytest.raises(ValueError, match="given together"):
        LSTMTrace.from_keras(model, "words")
    with pytest.raises(ValueError, match="type LSTM"):
        LSTMTrace.from_keras(model, "words", ["none"], "head")


def test_a_skip_connection_is_noticed():
    words = keras.Input((None,), dtype="int32")
    x = L.Embedding(VOCABULARY, 4, name="words")(words)
    low = lstm(name="low")(x)
    top = lstm(name="top")(low)
    model = sharpen(keras.Model(words, L.Dense(VOCABULARY, name="head")(L.Add()([low, top]))))
    with pytest.raises(ValueError, match="leave out skips"):
        LSTMTrace.from_keras(model, "words", ["low", "top"], "head")


@pytest.mark.parametrize(
    "model, message",
    [
        (lambda: build(lstm(activation="relu")), "activation='tanh'.*'relu'.*Remedy"),
        (
            lambda: build(lstm(recurrent_activation="hard_sigmoid")),
            "recurrent_activation='sigmoid'.*Remedy",
        ),
        (lambda: build(lstm(go_backwards=True)), "go_backwards=False.*Remedy"),
        (
            lambda: build(lstm(), embedding=L.Embedding(VOCABULARY, 5, mask_zero=True)),
            "mask_zero=True.*Remedy",
        ),
        (lambda: build(L.Bidirectional(lstm())), "Bidirectional.*Remedy"),
        (lambda: build(lstm(), L.GRU(4, return_sequences=True)), "GRU.*Remedy"),
        (lambda: build(), "one Embedding, at least one LSTM"),
        (lambda: build(lstm(), head=L.Dense(9, activation="relu")), "activation='relu'.*Remedy"),
        (lambda: None, "built Keras model"),
    ],
)
def test_what_is_not_supported_is_refused_with_a_remedy(model, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        LSTMTrace.from_keras(model())


def test_a_state_kept_between_batches_is_refused():
    words = keras.Input(batch_shape=(2, 7), dtype="int32")
    x = lstm(stateful=True)(L.Embedding(VOCABULARY, 5)(words))
    with pytest.raises(ValueError, match="stateful=False"):
        LSTMTrace.from_keras(keras.Model(words, L.Dense(VOCABULARY)(x)))


def test_the_check_sees_gates_in_another_order(monkeypatch):
    """Planted: the input and forget gates swapped, which is a common order elsewhere."""

    def swapped(xp, weights, *args):
        blocks = [dict(b, i=b["f"], f=b["i"]) for b in weights]
        return lstm_step(xp, type(weights)(*blocks), *args)

    monkeypatch.setattr("gloro_tf.influence.trace.lstm_step", swapped)
    with pytest.raises(ValueError, match="forward pass that differs"):
        LSTMTrace.from_keras(random_model())


def test_nan_weights_and_wrong_shapes():
    model = random_model()
    weights = model.get_weights()
    weights[2][0] = np.nan
    model.set_weights(weights)
    with pytest.raises(ValueError, match="finite"):
        LSTMTrace.from_keras(model)
    e, k, u, b = np.ones((9, 3)), np.ones((3, 8)), np.ones((2, 8)), np.ones(8)
    with pytest.raises(ValueError, match="Layer 1 must have weights"):
        LSTMTrace(e, [(k, u, b), (k, u, b)], np.ones((2, 9)), np.ones(9))
    with pytest.raises(ValueError, match="head_kernel"):
        LSTMTrace(e, [(k, u, b)], np.ones((3, 9)), np.ones(9))
    trace = LSTMTrace(e, [(k, u, b)], np.ones((2, 9)), np.ones(9))
    with pytest.raises(ValueError, match="below the vocabulary's size, 9"):
        trace.logits([[1, 9]])
    with pytest.raises(ValueError, match="integers"):
        trace.logits([[0.5]])


def test_gates_can_be_held():
    trace = LSTMTrace.from_keras(random_model())
    cells = trace.run(IDS, {("g", 0, 1): np.full(7, 0.25)})
    assert np.all(cells[0, 1].g == 0.25) and not np.any(cells[0, 2].g == 0.25)
    np.testing.assert_array_equal(cells[1, 0].h, trace.run(IDS)[1, 0].h)
    np.testing.assert_array_equal(cells[0, 1].before, cells[0, 0].c)


def test_pytorch_weights():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.ModuleDict(
        {
            "encoder": torch.nn.Embedding(VOCABULARY, 5),
            "rnn": torch.nn.LSTM(5, 6, 2),
            "decoder": torch.nn.Linear(6, VOCABULARY),
        }
    )
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    with torch.no_grad():
        words = torch.as_tensor(IDS.T)
        expected = model["decoder"](model["rnn"](model["encoder"](words))[0]).numpy()
    trace = LSTMTrace.from_torch_state(state)
    np.testing.assert_allclose(trace.logits(IDS), expected.transpose(1, 0, 2), atol=2e-6)
    del state["rnn.weight_hh_l1"]
    with pytest.raises(ValueError, match="missing \\['rnn.weight_hh_l1'\\]"):
        LSTMTrace.from_torch_state(state)
    double = torch.nn.LSTM(5, 6, bidirectional=True).state_dict()
    both = {f"rnn.{name}": value.numpy() for name, value in double.items()}
    with pytest.raises(ValueError, match="one direction"):
        LSTMTrace.from_torch_state(state | both)
