"""Wraps a trained model so that its outputs are safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras

from gloro_tf.self_correcting.certified import SelfCorrectingCertified
from gloro_tf.self_correcting.layer import SelfCorrectingLayer
from gloro_tf.self_correcting.properties import Property, SafeOrdering, as_safe_ordering


def make_self_correcting(
    model: keras.Model,
    properties: SafeOrdering | Sequence[Property],
    on_conflict: Literal["nan", "keep", "extra_class", "error"] = "nan",
    gradient: Literal["straight_through", "permutation", "stop"] = "straight_through",
    max_combinations: int = 4096,
    return_status: bool = False,
    name: str | None = None,
) -> keras.Model:
    """Returns a model with the same inputs whose outputs satisfy safe-ordering properties.

    The weights are shared with `model`, which is neither changed nor inspected. A certified model
    (`GloroModel` or an ensemble of them) gives a `SelfCorrectingCertified`, which keeps the output
    convention of `classes + 1` scores and recomputes what is certified.

    Args:
        model: functional or sequential `keras.Model` with one input, ending in `(batch, outputs)`;
            better logits than probabilities, which saturate to ties. Or a certified model.
        properties: `SafeOrdering`, or a list of `Property`, about the inputs of `model`.
        on_conflict, gradient, max_combinations: as in `SelfCorrectingLayer`. A certified model takes
            none: bottom wins its rows in conflict.
        return_status: bool. Whether the outputs are a dict of `outputs` and `status`, for metrics.
        name: str.

    Example:

    ```python
    safe = make_self_correcting(model, SafeOrdering([phi2], score="min"))
    advisories = safe.predict(x).argmin(axis=1)
    ```

    Raises:
        ValueError: for another kind of model, or properties that do not fit it.
    """
    if hasattr(model, "certify"):
        return SelfCorrectingCertified(model, properties, max_combinations, name=name)
    shape = getattr(model, "output_shape", None)
    if not isinstance(model, keras.Model) or not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(
            "`model` must be a built functional or sequential model of shape (batch, outputs). "
            f"Received: {type(model).__name__}, output_shape={shape}"
        )
    if len(model.inputs) != 1:
        raise ValueError(
            f"`model` must have one input. Received: {len(model.inputs)}. Call a "
            "`SelfCorrectingLayer` on `[x, y]`, with `x` the input that the properties speak of."
        )
    ordering = as_safe_ordering(properties, shape[-1])
    layer = SelfCorrectingLayer(ordering, on_conflict, gradient, max_combinations)
    x = model.inputs[0]
    corrected = layer([x, model(x)], return_info=return_status)
    if return_status:
        corrected = {"outputs": corrected[0], "status": corrected[1]["status"]}
    return keras.Model(x, corrected, name=name or f"self_correcting_{model.name}")
