"""Finds the parts of a Keras language model, and refuses what the analysis does not cover."""

import collections

import keras
import numpy as np

Parts = collections.namedtuple("Parts", ["embedding", "layers", "head", "final"])

_L = keras.layers
_IDENTITY = (_L.InputLayer, _L.Dropout, _L.SpatialDropout1D, _L.GaussianNoise, _L.GaussianDropout)
_REMEDY = "Remedy: build an LSTM that is supported and copy the weights with `set_weights`."
_FINAL = {"linear": "logits", "softmax": "softmax", "log_softmax": "log_softmax"}


def find(model, embedding, layers, head):
    """The parts of a model by their names, or by their types; all settings are checked."""
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            "`model` must be a built Keras model. "
            f"Received: {type(model).__name__}. Call it once on token ids first."
        )
    if embedding is None and layers is None and head is None:
        parts = _by_type(model)
    else:
        named = [embedding, *(layers or []), head]
        if not layers or None in named:
            raise ValueError(
                "`embedding`, `layers` and `head` must be given together, or none of them. "
                f"Received: embedding={embedding!r}, layers={layers!r}, head={head!r}."
            )
        found = [model.get_layer(name) for name in named]
        parts = Parts(found[0], found[1:-1], found[-1], None)
    dense = getattr(parts.head, "layer", parts.head)
    _check_types(parts, dense)
    for layer in parts.layers:
        _check_lstm(layer)
    if parts.embedding.mask_zero:
        raise ValueError(
            "The embedding must not mask: skipped steps are not in the graph. Received: "
            f"mask_zero=True in `{parts.embedding.name}`. Remedy: rebuild the model with "
            "mask_zero=False, copy the weights, and analyse unpadded sentences."
        )
    final = parts.final or _activation(dense)
    if final not in _FINAL:
        raise ValueError(
            "The head must give logits or probabilities. "
            f"Received: activation={final!r} in `{dense.name}`. Remedy: use a linear head."
        )
    return parts._replace(head=dense, final=_FINAL[final])


def _by_type(model):
    embeddings, lstms, heads, final = [], [], [], None
    for layer in model.layers:
        inner = layer.layer if isinstance(layer, _L.TimeDistributed) else layer
        if isinstance(layer, _L.Embedding):
            embeddings.append(layer)
        elif isinstance(layer, _L.LSTM):
            lstms.append(layer)
        elif isinstance(inner, _L.Dense):
            heads.append(layer)
        elif isinstance(layer, _L.Softmax):
            final = "softmax"
        elif isinstance(layer, _L.Activation):
            final = _activation(layer)
        elif not isinstance(layer, _IDENTITY):
            raise ValueError(
                "The model must consist of Embedding, LSTM, Dropout and Dense layers. Received: "
                f"`{layer.name}`, {_kind(layer)}. Remedy: name the parts with `embedding`, "
                "`layers` and `head` if it changes nothing; else it is not supported."
            )
    if len(embeddings) != 1 or not lstms or len(heads) != 1:
        raise ValueError(
            "The model must have one Embedding, at least one LSTM and one Dense head. Received: "
            f"{len(embeddings)}, {len(lstms)} and {len(heads)}. Remedy: name the parts with "
            "`embedding`, `layers` and `head`."
        )
    return Parts(embeddings[0], lstms, heads[0], final)


def _check_types(parts, dense):
    wanted = [(parts.embedding, _L.Embedding), (dense, _L.Dense)]
    for layer, kind in wanted + [(layer, _L.LSTM) for layer in parts.layers]:
        if not isinstance(layer, kind):
            raise ValueError(
                f"`{layer.name}` must be a layer of type {kind.__name__}. Received: {_kind(layer)}."
            )


def _check_lstm(layer):
    wanted = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    for name, value in wanted.items():
        received = getattr(getattr(layer, name), "__name__", getattr(layer, name))
        if received != value:
            raise ValueError(
                f"`{layer.name}` must have {name}={value!r}; the closed forms are for that. "
                f"Received: {name}={received!r}. Remedy: retrain with it; the weights mean "
                "something else under another activation."
            )
    for name in ("go_backwards", "stateful"):
        if getattr(layer, name):
            raise ValueError(
                f"`{layer.name}` must have {name}=False: sentences are read forwards from an empty "
                f"state. Received: {name}=True. {_REMEDY}"
            )


def _activation(layer):
    return getattr(layer.activation, "__name__", str(layer.activation))


def _kind(layer):
    return type(layer).__name__


def weights(parts):
    """The arguments of `LSTMTrace`."""
    to_numpy = keras.ops.convert_to_numpy
    layers = []
    for layer in parts.layers:
        arrays = [to_numpy(w) for w in (layer.cell.kernel, layer.cell.recurrent_kernel)]
        bias = layer.cell.bias if layer.use_bias else None
        layers.append((*arrays, np.zeros(4 * layer.units) if bias is None else to_numpy(bias)))
    kernel = to_numpy(parts.head.kernel)
    bias = to_numpy(parts.head.bias) if parts.head.use_bias else np.zeros(kernel.shape[1])
    return to_numpy(parts.embedding.embeddings), layers, kernel, bias


def check(trace, model, parts, tolerance):
    """Compares two forward passes on random sentences; returns the largest difference."""
    inputs = getattr(model, "inputs", None)
    length = (inputs[0].shape[1] if inputs else None) or 7
    ids = np.random.default_rng(0).integers(0, trace.vocabulary, (2, length))
    expected = keras.ops.convert_to_numpy(model(ids, training=False)).astype("float64")
    ours = trace.logits(ids)
    if parts.final != "logits":
        ours = ours - ours.max(-1, keepdims=True)
        ours = ours - np.log(np.exp(ours).sum(-1, keepdims=True))
        ours = np.exp(ours) if parts.final == "softmax" else ours
    if expected.ndim == 2:
        ours = ours[:, -1]
    same = ours.shape == expected.shape
    difference = float(np.max(np.abs(ours - expected))) if same else np.inf
    # A NaN is not below anything.
    if not difference <= tolerance * np.abs(expected).max():
        raise ValueError(
            "The model must compute embedding -> LSTM layers -> head, in float32 or float64. "
            f"Received: a forward pass that differs by {difference:.3g} (policy "
            f"{model.dtype_policy.name!r}). Remedy: name the parts in their order, leave out "
            "skips and normalisation, or cast the model to float32."
        )
    return difference
