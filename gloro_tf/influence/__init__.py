"""Influence paths through LSTM language models: how a word's number reaches the verb."""

from gloro_tf.influence import batched
from gloro_tf.influence.autodiff import GatedInfluence
from gloro_tf.influence.graph import GateGraph, count_paths, label, primary_path
from gloro_tf.influence.lines import Line, NeutralLine
from gloro_tf.influence.neurons import refine
from gloro_tf.influence.paths import Path, PathInfluences, path_influences
from gloro_tf.influence.patterns import GuidedPath, guided_refinement, pattern_influence
from gloro_tf.influence.quantities import LinearQuantity, NumberAgreement
from gloro_tf.influence.statistics import mean_rank, negative_share, positive_share, t_value
from gloro_tf.influence.total import Influence, influence, node_influence
from gloro_tf.influence.trace import LSTMTrace
