"""Fast geometric projections as published, one region at a time; and a mixed-integer program.

What `geometric_projections.py` compares with. As a script it solves points with PySCIPOpt in the
environment that has it:

    python benchmarks/_fgp_plain.py FILE     # an .npz of weights, points, labels, epsilon
"""

import collections
import json
import sys
import time

import numpy as np


def plain(weights, x, label, epsilon, seconds):
    """Decides one point as the authors' code does, keeping going; no pruning, no batches.

    The first layer is reduced by QR, as everywhere here; a region's planes are a chain of small
    matrix products. Returns the status and the number of regions.
    """
    frame, base = np.linalg.qr(weights[0][0])
    start = x @ weights[0][0] + weights[0][1]
    first = _pattern(weights, x)
    seen, queue = {first}, collections.deque([first])
    regions, unknown, began = 0, False, time.perf_counter()
    while queue:
        if time.perf_counter() - began > seconds:
            return "TIMED_OUT", regions
        bits = queue.popleft()
        regions += 1
        units, (normal, value) = _planes(weights, base, start, bits)
        margin = normal[:, [label]] - normal, value[label] - value
        for rival in np.flatnonzero(_distance(*margin) < epsilon):
            if rival != label:
                row, gap = margin[0][:, rival], margin[1][rival]
                move = -gap * row / (row @ row) * (1 + 1e-6)
                if _logits(weights, x + frame @ move).argmax() != label:
                    return "NOT_ROBUST", regions
                unknown = True
        for unit in np.flatnonzero(_distance(*units) < epsilon):
            near = bits[:unit] + (1 - bits[unit],) + bits[unit + 1 :]
            if near not in seen:
                seen.add(near)
                queue.append(near)
    return ("UNKNOWN" if unknown else "ROBUST"), regions


def _distance(normal, value):
    length = np.sqrt((normal**2).sum(axis=0))
    return np.where(length > 0, np.abs(value) / np.maximum(length, 1e-300), np.inf)


def _logits(weights, x):
    for kernel, bias in weights[:-1]:
        x = np.maximum(x @ kernel + bias, 0)
    return x @ weights[-1][0] + weights[-1][1]


def _pattern(weights, x):
    bits = []
    for kernel, bias in weights[:-1]:
        x = x @ kernel + bias
        bits += (x > 0).astype(int).tolist()
        x = np.maximum(x, 0)
    return tuple(bits)


def _planes(weights, base, start, bits):
    normal, value, found, at = base, start, [], 0
    for kernel, bias in weights[1:]:
        found.append((normal, value))
        on = np.array(bits[at : at + len(value)])
        at += len(value)
        normal, value = (normal * on) @ kernel, (value * on) @ kernel + bias
    parts = zip(*found, strict=True)
    return [np.concatenate(part, axis=-1) for part in parts], (normal, value)


def with_scip(weights, x, label, epsilon, seconds):
    """Decides one point by a mixed-integer program in reduced coordinates; complete."""
    import pyscipopt

    base = np.linalg.qr(weights[0][0])[1]
    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", seconds)
    move = [model.addVar(lb=-epsilon, ub=epsilon) for _ in range(len(base))]
    model.addCons(pyscipopt.quicksum(t * t for t in move) <= epsilon**2)
    centre = x @ weights[0][0] + weights[0][1]
    reach = epsilon * np.linalg.norm(base, axis=0)
    values, kernel, offset = move, base, centre
    low, high = centre - reach, centre + reach
    for number in range(len(weights)):
        sums = [
            pyscipopt.quicksum(kernel[i, j] * values[i] for i in range(len(values))) + offset[j]
            for j in range(kernel.shape[1])
        ]
        if number == len(weights) - 1:
            break
        values = [_relu(model, total, a, b) for total, a, b in zip(sums, low, high, strict=True)]
        kernel, offset = weights[number + 1]
        floor, ceiling = np.maximum(low, 0), np.maximum(high, 0)
        up, down = np.maximum(kernel, 0), np.minimum(kernel, 0)
        low, high = floor @ up + ceiling @ down + offset, ceiling @ up + floor @ down + offset
    gap, chosen = model.addVar(lb=None, ub=None), []
    for rival, total in enumerate(sums):
        if rival != label:
            pick = model.addVar(vtype="B")
            most = (high[rival] - low[label]) - (low[rival] - high[label])
            model.addCons(gap <= total - sums[label] + most * (1 - pick))
            chosen.append(pick)
    model.addCons(pyscipopt.quicksum(chosen) == 1)
    model.addCons(gap >= 0)
    model.optimize()
    status = model.getStatus()
    return {"infeasible": "ROBUST", "optimal": "NOT_ROBUST"}.get(status, "TIMED_OUT")


def _relu(model, total, low, high):
    if low >= 0 or high <= 0:
        out = model.addVar(lb=None, ub=None)
        model.addCons(out == (total if low >= 0 else 0.0))
        return out
    out, on = model.addVar(lb=0, ub=high), model.addVar(vtype="B")
    model.addCons(out >= total)
    model.addCons(out <= total - low * (1 - on))
    model.addCons(out <= high * on)
    return out


def main(path):
    data = np.load(path)
    count = sum(name.startswith("w") for name in data.files)
    weights = [(data[f"w{i}"], data[f"b{i}"]) for i in range(count)]
    found = []
    for x, label in zip(data["x"], data["label"], strict=True):
        began = time.perf_counter(), time.process_time()
        status = with_scip(weights, x, int(label), float(data["epsilon"]), float(data["seconds"]))
        found.append([status, time.perf_counter() - began[0], time.process_time() - began[1]])
    print("RESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
