"""Fast geometric projections."""
from gloro_tf.geometric_projections.certify import certify
