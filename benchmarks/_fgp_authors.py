"""The authors' own code for fast geometric projections, on points from a file.

What `geometric_projections.py --part=authors` compares with. It runs in an environment of its own,
as the package pins TensorFlow 1.15 but runs on a later one:

    pip install tensorflow-cpu==2.15.1 numpy==1.23.5 && pip install --no-deps fgp-cert==0.0.3
"""

import sys
import time

import _timing as timing
import fgp
import numpy as np
import tensorflow as tf


def main(path):
    tf.compat.v1.disable_v2_behavior()
    data = np.load(path)
    count = sum(name.startswith("w") for name in data.files)
    pairs = [(data[f"w{i}"], data[f"b{i}"]) for i in range(count)]
    network = fgp.CheckableModel(pairs[0][0].shape[:1], [len(b) for _, b in pairs[:-1]], 10)
    network.model.set_weights([part for pair in pairs for part in pair])
    network.compile_backprop()
    given = {"timeout": int(data["seconds"]), "keepgoing": True, "batch_size": 32}
    fgp.check(network, data["x"][0], float(data["epsilon"]), **given)
    found = []
    for x in data["x"]:
        began = time.perf_counter(), time.process_time()
        status = str(fgp.check(network, x, float(data["epsilon"]), **given))
        found.append((status, time.perf_counter() - began[0], time.process_time() - began[1]))
    timing.answer(found)


if __name__ == "__main__":
    main(sys.argv[1])
