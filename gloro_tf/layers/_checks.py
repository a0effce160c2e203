"""Argument checks that the layers share."""


def check_positive(name, value):
    """Returns a positive integer, or raises `ValueError` naming the argument."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


def check_fraction(name, value):
    """Returns a float in [0, 1], or raises `ValueError` naming the argument."""
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must lie in [0, 1]. Received: {name}={value!r}")
    return float(value)


def check_width(name, value):
    """Returns a float that float32 computes with, or raises `ValueError` naming the argument."""
    try:
        fits = not isinstance(value, bool) and 1e-12 <= value <= 1e12
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"`{name}` must lie in [1e-12, 1e12]. Received: {name}={value!r}")
    return float(value)


def check_groups(layer, input_shape, group):
    """Raises `ValueError` unless the last axis splits into groups of a size."""
    if input_shape[-1] is None or input_shape[-1] % group:
        raise ValueError(
            f"`{layer}` needs a last axis that {group} divides. Received: "
            f"input_shape={tuple(input_shape)}. Change the number of units or filters."
        )
