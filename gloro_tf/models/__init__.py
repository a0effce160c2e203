"""Models: the certified wrapper, and architectures that give logits."""

from gloro_tf.models.certificate import Certificate
from gloro_tf.models.convnet import ConvNet
from gloro_tf.models.gloro_model import GloroModel

__all__ = ["Certificate", "ConvNet", "GloroModel"]
