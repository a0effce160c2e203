"""Models: the certified wrappers, and architectures that give logits."""

from gloro_tf.models.affinity_sets import propose_from_confusion, propose_from_hierarchy
from gloro_tf.models.by_name import build, wrapper
from gloro_tf.models.certificate import Certificate
from gloro_tf.models.cholesky_mlp import CholeskyMLP
from gloro_tf.models.convnet import ConvNet
from gloro_tf.models.gloro_model import GloroModel
from gloro_tf.models.liresnet import LiResNet
from gloro_tf.models.relaxed import AffinityModel, RelaxedCertificate, RTKModel

__all__ = [
    "AffinityModel",
    "Certificate",
    "CholeskyMLP",
    "ConvNet",
    "GloroModel",
    "LiResNet",
    "RTKModel",
    "RelaxedCertificate",
    "build",
    "propose_from_confusion",
    "propose_from_hierarchy",
    "wrapper",
]
