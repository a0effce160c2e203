import pytest

import gloro_tf


@pytest.mark.parametrize("plan, count", [("4C3F", 1_974_762), ("6C2F", None), ("8C2F", None)])
def test_convnets_build(plan, count):
    net = gloro_tf.models.ConvNet(plan, (28, 28, 1), 10)
    assert net.output_shape == (None, 10)
    assert count is None or net.count_params() == count
    assert type(net).from_config(net.get_config()).get_config() == net.get_config()


def test_architectures_by_name():
    build = gloro_tf.models.build
    assert build("2C2F.relu", (8, 8, 1), 4).activation == "relu"
    mlp = build("cholesky_mlp.2x16", (8, 8, 1), 4)
    assert mlp.depth == 2 and gloro_tf.lipschitz.bound(mlp) <= 2.0
    assert type(mlp).from_config(mlp.get_config()).get_config() == mlp.get_config()
    with pytest.raises(ValueError, match="Did you mean '2C2F'"):
        build("2c2f", (8, 8, 1), 4)
    with pytest.raises(ValueError, match="DEPTHxWIDTH"):
        build("cholesky_mlp.two", (8, 8, 1), 4)
