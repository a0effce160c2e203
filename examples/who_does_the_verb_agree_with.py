"""
Title: Who does the verb agree with?
Description: Trains a small LSTM language model on sentences whose verbs stray to the nearer noun one
time in four, and draws the paths on which the two nouns compete for the verb. Under three minutes.
"""

"""
## Setup
"""

import math

import numpy as np

from gloro_tf import influence
from gloro_tf.plots import paths as pictures

STRAY = 0.25
grammar = influence.AgreementGrammar(nouns="shared", attraction=STRAY)
print("some sentences to learn from:")
for sentence in grammar.sentences(4, seed=1):
    print("   ", " ".join(grammar.decode(sentence)))

"""
## Train a language model, and do not go on unless it knows agreement
"""

model, accuracies = influence.train_language_model(grammar, seed=0)
print(f"agreement is right in at least {min(accuracies.values()):.1%} of each of 18 conditions")

"""
## Read its gates

`from_keras` copies the weights and checks the copy against the model's own forward pass.
"""

trace = influence.LSTMTrace.from_keras(model)
context = "the baker by the pilots"
ids = grammar.encode(context)
verb = influence.NumberAgreement(grammar.index["calls"], grammar.index["call"])

"""
## Ask each noun: how much does your number move the verb, and on which way?
"""

words = context.split()
nouns = {"subject": (1, "bakers"), "attractor": (4, "pilot")}
found = {}
for role, (position, counterpart) in nouns.items():
    line = influence.NeutralLine(position, grammar.index[counterpart])
    paths = found[role] = influence.path_influences(trace, ids, verb, line)
    whole = paths.influence
    print(f"\n{role} {words[position]!r}: influence {whole.total:+.2f} on {len(paths):,} paths")
    print(f"   completeness error {whole.completeness_error:.2%} with {whole.steps} points")
    for path in [paths.primary, *paths.top(3, by="size")]:
        print(f"   {path}, {paths.share(path):+.0%} of its sign")
    title = f"{context} ... {role}: {whole.total:+.2f}"
    pictures.influence_paths(paths, words, top=8, title=title, path=f"paths_{role}.png")
    through = influence.node_influence(trace, ids, verb, line)
    pictures.node_influence(through, words, title=title, path=f"nodes_{role}.png")

"""
## Is that one sentence, or all of them?
"""

data = grammar.agreement_set("nounpp", number=100, seed=2)
sample = influence.sample_paths(trace, data.select("SP", 10))
t = influence.t_value("primary", sample)
neurons = np.argsort(-abs(influence.refine(found["subject"].primary)))[:2]
print(
    f"\nthe primary path beats {t:.1%} of the others; neurons {neurons.tolist()} carry most of it"
)

margins = influence.agreement_margins(trace, data)
margin = margins[np.isin(data.condition, ["SP", "PS"])].mean()
print(f"mean margin beside an attractor {margin:.2f}; by the grammar {math.log(1 / STRAY - 1):.2f}")

table = influence.compression_table(trace, [data])
print("\naccuracy with all gates at their mean but the subject's two (C_s), the other's (C_i), ...")
print(influence.format_compression(table))

"""
## Check the numbers
"""

kept = table["nounpp", "mean"]
assert min(accuracies.values()) >= 0.99
assert (len(found["subject"]), len(found["attractor"])) == (6946, 16)
assert found["subject"].influence.total > 0 > found["attractor"].influence.total
assert all(p.influence.completeness_error < 0.01 for p in [*found.values(), *sample])
assert t >= 0.99 and abs(margin - math.log(3)) < 0.5
assert kept["C_s"] >= 0.9 and abs(kept["C_i"] - 0.5) <= 0.1
print("\nall numbers as expected; see paths_subject.png, paths_attractor.png, nodes_*.png")
