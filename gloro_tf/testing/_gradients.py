from gloro_tf.ops import gradient_function  # noqa: F401
