"""What `python -m benchmarks` runs: each comparison with its full and its quick arguments."""

import typing


class Entry(typing.NamedTuple):
    """One benchmark: its place in the report, its script, its arguments (`{flag}` is filled in)."""

    name: str
    why: str
    full: tuple = ()
    quick: tuple | None = ()

    @property
    def script(self):
        return self.name.split(",")[0]


PLAN = [
    Entry(
        "step_overhead.py",
        "a certified training step against plain Keras",
        ("--steps", "15", "--rounds", "9"),
        ("--steps", "6", "--rounds", "3"),
    ),
    Entry(
        "liresnet_step.py",
        "the same for a LiResNet",
        (),
        ("--steps", "2", "--rounds", "2", "--model", "liresnet.2x16.1x64"),
    ),
    Entry(
        "relaxed_step.py",
        "top-k and affinity steps against GloroModel",
        (),
        None,
    ),
    Entry(
        "certify_overhead.py",
        "certify against predict",
        ("--rounds", "15"),
        ("--samples", "2000", "--rounds", "5"),
    ),
    Entry(
        "bounds.py",
        "bounds against singular values",
        ("--depth", "0"),
        ("--depth", "0", "--channels", "16", "32"),
    ),
    Entry("minmax.py", "MinMax against ReLU, other layouts", ("--rounds", "5"), None),
    Entry("backends.py", "TensorFlow, JAX and torch from one file", (), None),
    Entry("votes.py", "votes and cascades of a million rows"),
    Entry(
        "many_models.py",
        "200 small models at once against a loop over fit",
        (),
        ("--models", "50", "--loop", "2", "--epochs", "5"),
    ),
    Entry(
        "peer_pypi.py",
        "epochs against PyPI gloro 1.1.1",
        ("--peer_python", "{peer_python}"),
        ("--peer_python", "{peer_python}", "--samples", "5120", "--rounds", "1"),
    ),
    Entry(
        "peer_deel_lip.py",
        "verified accuracy and epochs against PyPI deel-lip 1.5.0",
        ("--peer_python", "{deel_python}"),
        ("--peer_python", "{deel_python}", "--epochs", "8"),
    ),
    Entry(
        "geometric_projections.py",
        "published points and a plain search",
        ("--part", "published", "plain", "all_points", "random", "global", "--shared", "{shared}"),
        ("--part", "published", "--seconds", "0.5", "--shared", "{shared}"),
    ),
    Entry(
        "geometric_projections.py, scip",
        "against a complete solver",
        ("--part", "scip", "--python", "{scip_python}", "--shared", "{shared}"),
        None,
    ),
    Entry(
        "geometric_projections.py, authors",
        "against the authors' own code",
        ("--part", "authors", "--python", "{fgp_python}", "--shared", "{shared}"),
        None,
    ),
    Entry(
        "self_correcting.py",
        "against all permutations, and what it costs",
        (),
        ("--what", "permutations,overhead", "--sets", "200", "--rounds", "3"),
    ),
    Entry(
        "influence_paths.py",
        "paths against one backward pass per path",
        (),
        ("--rounds", "1"),
    ),
    Entry("influence_paths.py, trained", "small language models", ("--train",), None),
    Entry(
        "membership.py",
        "membership attacks on overfit digits",
        ("--standardise", "--rounds", "0"),
        ("--standardise", "--rounds", "0", "--splits", "1"),
    ),
    Entry(
        "membership.py, 20 fresh splits",
        "the same, more targets",
        ("--standardise", "--rounds", "0", "--splits", "20", "--first", "200"),
        None,
    ),
    Entry("membership.py, raw pixels", "the same on raw pixels", ("--rounds", "0"), None),
    Entry(
        "membership.py, learned",
        "the learned displacement and a hidden slice",
        ("--standardise", "--splits", "3"),
        None,
    ),
    Entry("membership.py, privacy", "attacks and private training", ("--part", "privacy"), None),
    Entry("membership_certified.py, digits", "certified against plain training", (), None),
    Entry(
        "membership_certified.py, mnist",
        "the same on MNIST",
        ("--dataset", "mnist", "--members", "500", "--data_dir", "{data_dir}"),
        None,
    ),
    Entry(
        "membership_certified.py, cifar10",
        "the same on CIFAR-10",
        ("--dataset", "cifar10", "--members", "1000", "--data_dir", "{data_dir}"),
        None,
    ),
    Entry(
        "membership_zoo.py",
        "what entries of the zoo give away",
        ("--data_dir", "{data_dir}"),
        ("--data_dir", "{data_dir}", "--images", "1000"),
    ),
    Entry(
        "capacity.py",
        "tightness by width, depth and activation",
        (),
        (
            "--widths",
            "8",
            "--depths",
            "2",
            "--steps",
            "300",
            "--activations",
            "minmax",
            "pair_norm",
        ),
    ),
    Entry(
        "blocks.py",
        "other blocks for LiResNet at equal compute",
        ("--data_dir", "{data_dir}"),
        None,
    ),
    Entry(
        "cascades.py",
        "how much of a cascade's claim an attack breaks",
        ("--data_dir", "{data_dir}"),
        None,
    ),
    Entry(
        "attack_the_zoo.py",
        "attacks inside certified radii",
        ("--data_dir", "{data_dir}"),
        ("--data_dir", "{data_dir}", "--points", "64", "--steps", "5", "--again", "16")
        + ("--names", "cholesky_mlp_5x256.mnist,convnet_2c2f.mnist,liresnet_4x32.cifar10"),
    ),
]
