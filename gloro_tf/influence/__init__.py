"""Influence paths through LSTM language models: how a word's number reaches the verb."""

from gloro_tf.influence import batched
from gloro_tf.influence.agreement import (
    AgreementSet,
    agreement_accuracy,
    agreement_margins,
    read_agreement_set,
)
from gloro_tf.influence.autodiff import GatedInfluence
from gloro_tf.influence.compression import compress, compression_schemes, primary_gates
from gloro_tf.influence.grammar import TASKS, AgreementGrammar
from gloro_tf.influence.graph import GateGraph, count_paths, label, primary_path
from gloro_tf.influence.lines import Line, NeutralLine
from gloro_tf.influence.neurons import refine
from gloro_tf.influence.paths import Path, PathInfluences, path_influences
from gloro_tf.influence.patterns import GuidedPath, guided_refinement, pattern_influence
from gloro_tf.influence.quantities import LinearQuantity, NumberAgreement
from gloro_tf.influence.statistics import mean_rank, negative_share, positive_share, t_value
from gloro_tf.influence.tables import (
    compression_table,
    format_compression,
    format_rows,
    primary_path_row,
    primary_path_table,
    sample_paths,
)
from gloro_tf.influence.total import Influence, influence, node_influence
from gloro_tf.influence.trace import LSTMTrace
from gloro_tf.influence.training import accuracies, language_model, train_language_model

__all__ = [
    "TASKS",
    "AgreementGrammar",
    "AgreementSet",
    "GateGraph",
    "GatedInfluence",
    "GuidedPath",
    "Influence",
    "LSTMTrace",
    "Line",
    "LinearQuantity",
    "NeutralLine",
    "NumberAgreement",
    "Path",
    "PathInfluences",
    "accuracies",
    "agreement_accuracy",
    "agreement_margins",
    "batched",
    "compress",
    "compression_schemes",
    "compression_table",
    "count_paths",
    "format_compression",
    "format_rows",
    "guided_refinement",
    "influence",
    "label",
    "language_model",
    "mean_rank",
    "negative_share",
    "node_influence",
    "path_influences",
    "pattern_influence",
    "positive_share",
    "primary_gates",
    "primary_path",
    "primary_path_row",
    "primary_path_table",
    "read_agreement_set",
    "refine",
    "sample_paths",
    "t_value",
    "train_language_model",
]
