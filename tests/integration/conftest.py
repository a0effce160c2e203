"""A finished run, and the command line in this process."""

import pytest
from absl import flags
from absl.testing import flagsaver

from gloro_tf.training import Recipe, run

TINY = Recipe(model="cholesky_mlp.1x16", loss="emma.0.25", epochs=3, batch_size=256)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """`(folder, report)` of a finished run of `TINY`. Leave the folder as it is."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, run(TINY, folder, checkpoint_seconds=0, verbose=0)


@pytest.fixture
def train(train_py, tmp_path):
    """Runs `train.py` with flags, in a new workdir unless one is given; returns that workdir."""

    def call(*arguments):
        workdir = tmp_path / "workdir"
        if not any(a.startswith("--workdir") for a in arguments):
            arguments = (*arguments, f"--workdir={workdir}")
        train_py.main(flags.FLAGS(["train.py", "--verbose=0", *arguments]))
        return workdir

    with flagsaver.flagsaver():
        yield call
