"""From a name to a model that certifies."""

from __future__ import annotations

import copy
import pathlib
from typing import Any, Literal

import keras

import gloro_tf
from gloro_tf.models import preset
from gloro_tf.types import Array
from zoo import _registry
from zoo._store import fetch


def load(
    name: str, weights: Literal["pretrained"] | None = "pretrained", **kwargs: Any
) -> keras.Model:
    """Loads a model of the zoo, checked by SHA-256 and frozen: ready to `certify`.

    Args:
        name: str. `"architecture.dataset"`, with `"@revision"` for another than the newest; or the
            path of a folder that `GloroModel.save_to_preset` wrote (with a `/` in it).
        weights: `"pretrained"`, or `None` for the architecture with fresh weights, not frozen.
        **kwargs: as in `zoo.fetch` (`mirrors`, `cache_dir`, `offline`, `verbose`).

    Returns:
        `gloro_tf.GloroModel`, with the radius it was trained for as `epsilon`; for an entry that is
        a vote of others, a `gloro_tf.ensembles.VotingEnsemble`; for one of kind `self_correcting`, a
        `keras.Model` whose outputs obey its properties (it has no radius and does not certify).

    Raises:
        ValueError: for an unknown name, or files that are not the ones that were published.
        FileNotFoundError: if the files are neither here nor fetched.
    """
    if weights not in ("pretrained", None):
        raise ValueError(
            f"`weights` must be 'pretrained' or None. Received: weights={weights!r}. For weights "
            "of your own, pass the folder that `save_to_preset` wrote as `name`."
        )
    if "/" in str(name) or isinstance(name, pathlib.Path):
        if weights is None:
            raise ValueError("A folder holds its weights. Received: weights=None with a folder.")
        return gloro_tf.GloroModel.from_preset(name)
    card = _registry.card(name)
    if card.kind == "self_correcting":
        from zoo._corrected import load_corrected

        return load_corrected(card, weights, **kwargs)
    if card.members:
        members = [load(member, weights, **kwargs) for member in card.members]
        return vote_of(members, card.epsilon, card.architecture["weights"])
    model = preset.rebuild(_named(card))
    if weights is None:
        return model
    arrays: dict[str, Array] = {}
    for path in fetch(card.full_name, **kwargs):
        arrays |= preset.read_arrays(path)
    return preset.set_arrays(model, arrays)


def vote_of(members, epsilon, weights):
    """The `VotingEnsemble` of an entry that is a vote of other entries."""
    for member in members:
        member.epsilon = epsilon
    return gloro_tf.ensembles.VotingEnsemble(members, weights)


def _named(card):
    """What builds an entry, under its own name, so that entries can be members of one ensemble."""
    config = copy.deepcopy(card.architecture["config"])
    config["config"]["name"] = card.name.replace(".", "_")
    return config
