"""Audits of a model from a terminal.

python -m gloro_tf.audit MODEL --dataset=mnist [--data_dir=DIR] [--limit=500] [--epsilon=0.3]

MODEL is a `.keras` file or a folder that `save_to_preset` wrote. Ends with status 1 where a
certificate or a bound is refuted.
"""

import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import gloro_tf  # noqa: E402
from gloro_tf import audit  # noqa: E402
from gloro_tf.models.reading import load_model  # noqa: E402


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m gloro_tf.audit",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("model")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data_dir")
    parser.add_argument("--limit", type=int, default=500, help="test images; defaults to 500")
    parser.add_argument("--epsilon", type=float, help="defaults to the model's")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    try:
        return run(args)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 1


def run(args):
    """Runs the three audits and prints them; 1 where something was refuted."""
    if args.limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={args.limit}")
    model = _load(args.model)
    if args.epsilon is not None:
        model.epsilon = args.epsilon
    data = gloro_tf.data.load(args.dataset, data_dir=args.data_dir)
    x, y = gloro_tf.data.to_float(data.x_test[: args.limit]), data.y_test[: args.limit]
    verbose = 0 if args.json else 1
    reports = {"certificate": audit.certificate(model, x, y, strict=False, verbose=verbose)}
    for member in _leaves(model):
        ending = f" of member {member.name!r}" if member is not model else ""
        reports[f"lipschitz{ending}"] = audit.lipschitz(member, x)
        reports[f"rounding{ending}"] = audit.rounding(member, x)
    if args.json:
        print(json.dumps({name: report.to_dict() for name, report in reports.items()}, indent=1))
    else:
        print("\n\n".join(str(report) for report in reports.values()))
    return int(any(getattr(report, "violations", ()) for report in reports.values()))


def _leaves(model):
    """The members, and theirs, that have none; the model itself if it has none."""
    members = getattr(model, "members", None)
    if members is None:
        return [model]
    return list({leaf.name: leaf for member in members for leaf in _leaves(member)}.values())


def _load(path):
    if os.path.isdir(path):
        return gloro_tf.GloroModel.from_preset(path)
    if not os.path.exists(path):
        raise ValueError(
            f"`model` must be a .keras file or a folder of a preset. Received: {path!r}, which does "
            "not exist. For a model of the zoo: python -m zoo audit NAME."
        )
    model = load_model(path, compile=False)
    if not hasattr(model, "certify"):
        raise ValueError(f"`model` must certify. Received: a {type(model).__name__} in {path!r}.")
    return model


if __name__ == "__main__":
    sys.exit(main())
