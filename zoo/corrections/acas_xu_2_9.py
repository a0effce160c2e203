"""The ACAS Xu network N_2,9 with its four ordering properties enforced.

Paper: Leino, Fromherz, Mangal, Fredrikson, Parno, Pasareanu, Self-Correcting Neural Networks for Safe
Classification, 2021. The network is by Julian, Kochenderfer et al., Stanford University, and reached us
through the repository of Reluplex (Katz et al.), CC BY 4.0; its weights are unchanged. Nothing is
trained; publishing and measuring take seconds:

    python -m zoo publish_corrected acas_xu_2_9
    python -m zoo evaluate self_correcting_6x50.acas_xu_2_9 --write

Numbers: the entry's card, `python -m zoo card self_correcting_6x50.acas_xu_2_9`.
"""

from gloro_tf.self_correcting import acas_xu
from zoo.corrections import Correction

LOWEST, HIGHEST = acas_xu.domain()

CORRECTION = Correction(
    name="self_correcting_6x50.acas_xu_2_9",
    summary="A collision-avoidance network whose advice provably obeys properties 2, 3, 4 and 8.",
    network=acas_xu.load,
    properties=acas_xu.safe_ordering("2_9"),
    lowest=LOWEST.tolist(),
    highest=HIGHEST.tolist(),
    preprocessing="(x - mean) / range of rho, theta, psi, v_own, v_int: `acas_xu.UNITS`",
    labels=list(acas_xu.ADVISORIES),
    paper={
        "title": "Self-Correcting Neural Networks for Safe Classification",
        "url": "https://arxiv.org/abs/2107.11445",
    },
    licence="CC BY 4.0 (network and weights, https://creativecommons.org/licenses/by/4.0/)",
    authors="Julian, Kochenderfer et al., Stanford University; by way of Katz et al., Reluplex",
    limits=(
        "The outputs are costs: the least one advises. Promised is the order that the properties ask "
        "for, at exactly the inputs given and as executed, wherever no row is in conflict or "
        "undecidable (such rows are NaN). Nothing is promised of the inputs around them, of physical "
        "states that rounding moves out of a box, of other properties, or that advice is good."
    ),
)
