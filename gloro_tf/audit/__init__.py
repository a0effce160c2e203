"""Audits: what attacks find against certificates, how tight bounds are, what rounding costs."""

from gloro_tf.audit.certificate import CertificateAudit, UnsoundCertificate, certificate
from gloro_tf.audit.constants import LipschitzAudit, lipschitz
from gloro_tf.audit.rounding import RoundingAudit, rounding

__all__ = [
    "CertificateAudit",
    "LipschitzAudit",
    "RoundingAudit",
    "UnsoundCertificate",
    "certificate",
    "lipschitz",
    "rounding",
]
