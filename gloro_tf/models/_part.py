"""What the parts of `GloroModel` derive from: nothing, and to a type checker from `keras.Model`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras import Model as Part
else:
    Part = object
