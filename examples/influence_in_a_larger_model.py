"""
Title: Influence in a larger model
Description: Loads an LSTM language model trained in PyTorch, such as the published English one with
2 layers of 650 units, and prints its table of primary paths for a file of stimuli.

    python examples/influence_in_a_larger_model.py state.pt vocab.txt nounpp.txt --intervening=4

`state.pt` is a `state_dict`. A checkpoint that holds the whole module must be turned into one where
its code is: `torch.save(torch.load("model.pt").state_dict(), "state.pt")`. `vocab.txt` has one word per
line, in the order of the embedding. The stimuli are lines of sentence, condition, correct or wrong,
and item, with tabs between. Without arguments, a random model of that size shows time and memory.
"""

import argparse
import time

import numpy as np

from gloro_tf import influence

parser = argparse.ArgumentParser(description="Primary paths of a larger language model.")
parser.add_argument("state", nargs="?", help="state_dict, .pt or .npz")
parser.add_argument("vocabulary", nargs="?", help="a word per line")
parser.add_argument("stimuli", nargs="?", help="tab-separated agreement test set")
parser.add_argument("--subject", type=int, default=1, help="position of the subject")
parser.add_argument("--intervening", type=int, help="position of the noun in between, if any")
parser.add_argument("--sentences", type=int, default=20, help="for each condition")
parser.add_argument("--embedding", default="encoder.weight", help="names in the state_dict")
parser.add_argument("--rnn", default="rnn")
parser.add_argument("--head", default="decoder")
parser.add_argument("--irregular", nargs="*", default=["man=men", "woman=women"])
args = parser.parse_args()
if args.state and not (args.vocabulary and args.stimuli):
    parser.error("a model needs its vocabulary and stimuli")

"""
## Weights: PyTorch's gates are in Keras' order, its two biases are added
"""


def load(path):
    if path.endswith(".npz"):
        return dict(np.load(path))
    import torch

    # weights_only: a checkpoint from elsewhere must not run code here.
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in state.items()}


def random_state(words=50_000, units=650):
    rng = np.random.default_rng(0)
    shapes = {"encoder.weight": (words, units), "decoder.weight": (words, units)}
    for k in (0, 1):
        shapes |= {f"rnn.weight_{p}_l{k}": (4 * units, units) for p in ("ih", "hh")}
        shapes |= {f"rnn.bias_{p}_l{k}": (4 * units,) for p in ("ih", "hh")}
    return {n: 0.05 * rng.standard_normal(s, dtype="float32") for n, s in shapes.items()}


state = load(args.state) if args.state else random_state()
trace = influence.LSTMTrace.from_torch_state(state, args.embedding, args.rnn, args.head)
del state
print(trace)

"""
## Sentences, accuracy, and the table
"""

if args.state:
    with open(args.vocabulary, encoding="utf-8") as file:
        vocabulary = {line.strip(): number for number, line in enumerate(file)}
    pairs = dict(pair.split("=") for pair in args.irregular)
    data = influence.read_agreement_set(
        args.stimuli, vocabulary, args.subject, args.intervening, counterparts=pairs
    )
    print("accuracy", influence.agreement_accuracy(trace, data))
    print(influence.format_rows(influence.primary_path_table(trace, [data], args.sentences)))
else:
    ids, started = np.arange(6), time.perf_counter()
    line = influence.NeutralLine(position=1, counterpart_id=7)
    paths = influence.path_influences(trace, ids, influence.NumberAgreement(8, 9), line)
    print(paths)
    print(f"{time.perf_counter() - started:.1f} s; the sum misses the total by ", end="")
    print(f"{abs(paths.values.sum() / paths.influence.total - 1):.1e}")
