"""Models: the certified wrapper, and architectures that give logits."""

from gloro_tf.models.by_name import build
from gloro_tf.models.certificate import Certificate
from gloro_tf.models.cholesky_mlp import CholeskyMLP
from gloro_tf.models.convnet import ConvNet
from gloro_tf.models.gloro_model import GloroModel
from gloro_tf.models.liresnet import LiResNet

__all__ = ["Certificate", "CholeskyMLP", "ConvNet", "GloroModel", "LiResNet", "build"]
