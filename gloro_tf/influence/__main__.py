"""Influence paths from a terminal, for the small language model.

python -m gloro_tf.influence train MODEL.keras [--nouns=shared] [--attraction=0.25] [--seed=0]
python -m gloro_tf.influence table MODEL.keras [--nouns=shared] [--tasks=nounpp,simple] [--sentences=20]
python -m gloro_tf.influence compress MODEL.keras [--nouns=shared]
python -m gloro_tf.influence paths MODEL.keras "the baker by the boats" call [--top=10] [--position=1]

`train` takes under two minutes on two cores and stops with an error unless the verb is right in at
least 99 % of each of 18 conditions. Give the others the nouns that the model was trained on.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from gloro_tf import influence  # noqa: E402
from gloro_tf.models.reading import load_model  # noqa: E402


def parser():
    top = argparse.ArgumentParser(
        prog="python -m gloro_tf.influence",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True)
    for name in ("train", "table", "compress", "paths"):
        command = commands.add_parser(name)
        command.add_argument("model")
        command.add_argument("--nouns", choices=("disjoint", "shared"), default="shared")
        if name == "train":
            command.add_argument("--attraction", type=float, default=0.25)
            command.add_argument("--seed", type=int, default=0)
            command.add_argument("--epochs", type=int, default=8)
        if name == "table":
            command.add_argument("--tasks", default=",".join(influence.TASKS))
            command.add_argument("--sentences", type=int, default=20)
        if name == "paths":
            command.add_argument("sentence", help="the words before the verb")
            command.add_argument("verb", help="without an s")
            command.add_argument("--position", type=int, default=1, help="of the noun")
            command.add_argument("--top", type=int, default=10)
    return top


def train(args):
    grammar = influence.AgreementGrammar(args.nouns, args.attraction)
    options = {"seed": args.seed, "epochs": args.epochs, "verbose": 2}
    model, accuracies = influence.train_language_model(grammar, **options)
    model.save(args.model)
    for (task, condition), value in accuracies.items():
        print(f"{task:10} {condition:3} {value:.3f}")


def table(args, trace, grammar):
    sets = [grammar.agreement_set(task, args.sentences, seed=2) for task in args.tasks.split(",")]
    print(influence.format_rows(influence.primary_path_table(trace, sets, args.sentences)))


def compress(args, trace, grammar):
    sets = [grammar.agreement_set(task, 200, seed=2) for task in ("nounpp", "nounppadv")]
    print(influence.format_compression(influence.compression_table(trace, sets)))


def paths(args, trace, grammar):
    ids = grammar.encode(args.sentence)
    if not 0 <= args.position < len(ids):
        raise SystemExit(f"--position must be from 0 to {len(ids) - 1}.")
    noun = grammar.decode(ids)[args.position]
    other = noun[:-1] if noun.endswith("s") else noun + "s"
    # The verb is expected to agree with the first noun.
    verbs = grammar.encode(f"{args.verb} {args.verb}s")
    plural = args.sentence.split()[1].endswith("s")
    quantity = influence.NumberAgreement(*(verbs if plural else verbs[::-1]))
    line = influence.NeutralLine(args.position, grammar.encode(other)[0])
    found = influence.path_influences(trace, ids, quantity, line)
    print(found)
    print(f"primary {found.primary}, share {found.share(found.primary):.1%}")
    for path in found.top(args.top, by="size"):
        print(path)


def main():
    args = parser().parse_args()
    if args.command == "train":
        return train(args)
    trace = influence.LSTMTrace.from_keras(load_model(args.model))
    grammar = influence.AgreementGrammar(args.nouns)
    if trace.vocabulary != len(grammar.words):
        raise SystemExit(f"The model was not trained on {args.nouns} nouns; see --nouns.")
    {"table": table, "compress": compress, "paths": paths}[args.command](args, trace, grammar)


if __name__ == "__main__":
    main()
