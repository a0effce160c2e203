"""TF_CONFIG: a cluster, or a refusal that shows how to write one."""

import json

import pytest
from fuzzing import answer, edited, edited_tree, fuzz
from hypothesis import strategies as st

from gloro_tf.training import cluster

RIGHT = {
    "cluster": {"chief": ["a:1"], "worker": ["b:2", "c:3"]},
    "task": {"type": "worker", "index": 1},
}
LEAVES = st.sampled_from(
    [None, True, 0, -1, 1, 2, 10**400, 1.0, "", "worker", "chief", "ps", "b:2", "b:99999", "b"]
    + [[], {}, ["b:2"], {"b:2": 1}, [["b:2"]], [3], "b:2 ", "[::1]:2"]
)


def parsed(text):
    found = answer(cluster._parse, text, says=("`TF_CONFIG` must", "Received: ", "or unset it"))
    if found is not None:
        assert 0 <= found.index < found.size == len(set(found.addresses))
        assert all(isinstance(address, str) for address in found.addresses)
        assert all(0 < int(address.rpartition(":")[2]) < 2**16 for address in found.addresses)
    return found


@fuzz(300, tree=edited_tree(RIGHT, LEAVES))
def test_edited_clusters(tree):
    parsed(json.dumps(tree))


@fuzz(200, text=edited(json.dumps(RIGHT)))
def test_edited_texts(text):
    parsed(text)


def test_the_right_one_is_read():
    assert parsed(json.dumps(RIGHT)) == cluster.Cluster(("a:1", "b:2", "c:3"), 2)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"cluster":' * 50_000])
def test_nested_text(text):
    assert parsed(text) is None
