"""Keras callbacks: schedules, logging, and refreshed bounds."""

from gloro_tf.callbacks.layer_norms import LayerNorms
from gloro_tf.callbacks.schedule import Schedule
from gloro_tf.callbacks.scheduler import (
    EpsilonSchedule,
    LearningRateSchedule,
    TradesSchedule,
)

__all__ = [
    "EpsilonSchedule",
    "LayerNorms",
    "LearningRateSchedule",
    "Schedule",
    "TradesSchedule",
]
