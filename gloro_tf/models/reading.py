"""Saved models that may be damaged."""

import pathlib

import keras


def load_model(path, compile=True):
    """Loads a `.keras` file; whatever is wrong with it is one error that says what to do.

    Args:
        path: str or `pathlib.Path`.
        compile: bool. Whether to compile the model as it was. Defaults to `True`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read.
    """
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(
            f"There is no file '{path}'. Name a model that was saved as .keras."
        )
    try:
        return keras.saving.load_model(path, compile=compile)
    except Exception as error:  # zip, HDF5 and JSON readers fail in many ways
        reason = str(error).split("\n\n")[0][:500]
        raise ValueError(
            f"'{path}' cannot be read; it may be truncated or of another program "
            f"({type(error).__name__}: {reason}). Restore it from a copy. Nothing was changed."
        ) from error
