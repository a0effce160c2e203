"""Data: sources named by one string, checks, augmentation, and batches that resume exactly."""

from gloro_tf.data import augmentation
from gloro_tf.data.batches import Batches
from gloro_tf.data.checks import check_images, check_labels, to_float
from gloro_tf.data.dataset import Dataset, stratified_split
from gloro_tf.data.sources import load

__all__ = [
    "Batches",
    "Dataset",
    "augmentation",
    "check_images",
    "check_labels",
    "load",
    "stratified_split",
    "to_float",
]
