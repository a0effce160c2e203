"""Corrects stored rows with stored properties on one backend, eager and compiled, and stores bytes.

python backend_probe.py FOLDER TYPE,...: reads `p*.json` and `rows.npz`, writes `<backend>.npz`.
"""

import pathlib
import sys
import warnings

import keras
import numpy as np
from keras import ops

from gloro_tf.self_correcting import SafeOrdering, SelfCorrectingLayer


def compiled(function, jit):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=jit)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def main(folder, dtypes):
    warnings.simplefilter("ignore")
    found, rows = {}, np.load(folder / "rows.npz")
    for path in sorted(folder.glob("p*.json")):
        layer = SelfCorrectingLayer(SafeOrdering.from_json(path=path))
        for dtype in dtypes:
            x = ops.convert_to_tensor(rows["x"])
            y = ops.cast(ops.convert_to_tensor(rows["y"][:, : layer.ordering.num_outputs]), dtype)
            call = lambda x, y, layer=layer: layer([x, y], return_info=True)  # noqa: E731
            runs = {"eager": call, "graph": compiled(call, False), "xla": compiled(call, True)}
            if keras.backend.backend() == "jax":  # which compiles in eager calls, too
                runs.pop("graph")
            for name, run in runs.items():
                z, info = run(x, y)
                key = f"{path.stem} {dtype} {name}"
                found[f"{key} z"] = ops.convert_to_numpy(ops.cast(z, "float32"))
                found[f"{key} status"] = ops.convert_to_numpy(info["status"])
                found[f"{key} chosen"] = ops.convert_to_numpy(info["chosen"])
    np.savez(folder / f"{keras.backend.backend()}.npz", **found)
    print("ok")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2].split(","))
