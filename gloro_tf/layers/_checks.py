"""Argument checks that the layers, the architectures and the losses share."""

import math
import numbers


def check_positive(name, value):
    """Returns a positive integer, or raises `ValueError` naming the argument."""
    return check_whole(name, value, 1)


def check_whole(name, value, least):
    """Returns an integer of at least `least`, or raises `ValueError` naming the argument."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or int(value) != value or value < least:
        what = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value!r}")
    return int(value)


def check_number(name, value, must, fits=lambda value: True):
    """Returns a finite number for which `fits` holds, or raises `ValueError` saying `must`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not fits(value):
        raise ValueError(f"`{name}` must be {must}. Received: {name}={value!r}")
    return value


def check_shape(input_shape, axes=None):
    """Raises `ValueError` unless a shape is a list or tuple of positive integers, as many as `axes`
    names."""
    sides = input_shape if isinstance(input_shape, (tuple, list)) else ()
    right = sides and all(isinstance(side, numbers.Integral) and side > 0 for side in sides)
    if not right or (axes and len(sides) != len(axes)):
        what = f"({', '.join(axes)})" if axes else "a tuple"
        raise ValueError(
            f"`input_shape` must be {what} of positive integers. Received: "
            f"input_shape={input_shape!r}"
        )


def check_fraction(name, value):
    """Returns a float in [0, 1], or raises `ValueError` naming the argument."""
    number = isinstance(value, numbers.Real)
    if not number or not 0 <= value <= 1:
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
