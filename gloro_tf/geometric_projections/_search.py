"""The search over regions: all inputs in one frontier, nearest regions first."""

import contextlib
import signal
import threading
import time

import numpy as np

from gloro_tf.geometric_projections._agenda import Agenda
from gloro_tf.geometric_projections._bounds import RegionBounds
from gloro_tf.geometric_projections._exact import Programs
from gloro_tf.geometric_projections._witness import Witnesses
from gloro_tf.geometric_projections.verdicts import NOT_ROBUST, ROBUST, TIMED_OUT, UNKNOWN

DOUBTS = 6
BYTES = 2**23
ROUNDS = 1
HALVINGS = 50
CLOSE = 1e-6


class Search:
    """Decides inputs together; see `certify` for the options.

    `reach[i]` is the distance beyond which input `i` needs no search: epsilon, or, where the
    smallest distance is asked for, that of the nearest adversarial point so far.
    """

    def __init__(self, evaluator, x, epsilon, options):
        self.evaluator, self.options, self.epsilon = evaluator, options, epsilon
        self.x, self.count = x, len(x)
        logits, _ = evaluator.network.logits(x)
        self.label = logits.argmax(axis=1)
        self.status = np.full(self.count, "", "<U10")
        self.radius = np.zeros(self.count)
        self.reach = np.full(self.count, float(epsilon))
        self.open_key = np.full(self.count, np.inf)
        self.regions = np.zeros(self.count, np.int64)
        self.seconds = np.zeros(self.count)
        self.deferred = []
        self.witnesses = Witnesses(evaluator, x, self.label, epsilon, firm=not options.lower_bound)
        self.start, self.start_error = evaluator.start(x)
        words = 1 + -(-max(evaluator.network.units, 1) // 64)
        self.masks = self._pack(np.eye(evaluator.network.units, dtype="bool"))
        row = 24 + 16 * words
        self.agenda = Agenda(words, epsilon, self.count, options.memory // row)
        floats = evaluator.rows * evaluator.columns * 8
        self.batch = options.batch_size or int(np.clip(BYTES // floats, 4, 1024))
        self.admitted, self.active = 0, np.zeros(self.count, "bool")
        self.began = time.monotonic()

    # ---- patterns as words

    def _pack(self, bits, inputs=None):
        words = np.zeros((len(bits), 1 + -(-max(bits.shape[1], 1) // 64)), np.uint64)
        packed = np.packbits(bits, axis=1, bitorder="little")
        view = words.view(np.uint8).reshape(len(bits), 8 * words.shape[1])
        view[:, 8 : 8 + packed.shape[1]] = packed
        if inputs is not None:
            words[:, 0] = inputs
        return words

    def _unpack(self, rows):
        view = (
            np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), 8 * rows.shape[1])[:, 8:]
        )
        units = self.evaluator.network.units
        return np.unpackbits(view, axis=1, bitorder="little", count=units).astype("bool")

    # ---- the loop

    def run(self, report=lambda search: None):
        """Searches until all inputs are decided or a budget ends; Ctrl-C ends it early."""
        with _deferred_interrupt() as self.interrupted, contextlib.closing(self.agenda):
            while not self._over():
                self._admit()
                rows, keys = self.agenda.take(self.batch)
                if not len(rows) and not self.active.any():
                    break
                self._round(rows, keys)
                report(self)
            self._finish(np.flatnonzero(self.active), TIMED_OUT)
            self.status[self.status == ""] = TIMED_OUT

    def _over(self):
        """Whether Ctrl-C was pressed or the time for all inputs is spent."""
        limit = self.options.seconds
        return bool(self.interrupted) or (
            limit is not None and time.monotonic() - self.began > limit
        )

    def _admit(self):
        """Starts more inputs while there is little to do."""
        while self.admitted < self.count and self.active.sum() < 2 * self.batch:
            new = np.arange(self.admitted, min(self.count, self.admitted + self.batch))
            self.admitted = new[-1] + 1
            self.active[new] = True
            bits, doubts = self.evaluator.pattern(self.x[new])
            rows, many = self._pack(bits, new), doubts.sum(axis=1) > DOUBTS
            self.open_key[new[many]] = 0.0  # nothing was looked at, so nothing is certain
            self._finish(new[many], UNKNOWN)
            self.agenda.add(rows[~many], np.zeros((~many).sum()))
            for row in np.flatnonzero(doubts.any(axis=1) & ~many):
                both = rows[row : row + 1]  # every side of the units that rounding leaves in doubt
                for unit in np.flatnonzero(doubts[row]):
                    both = np.concatenate([both, both ^ self.masks[unit]])
                self.agenda.add(both, np.zeros(len(both)))

    def _round(self, rows, keys):
        began = time.monotonic()
        inputs = rows[:, 0].astype(np.int64)
        worth = self.active[inputs] & (keys <= self.reach[inputs])
        rows, inputs = rows[worth], inputs[worth]
        if len(rows):
            np.add.at(self.regions, inputs, 1)
            self._visit(rows, inputs)
            share = (time.monotonic() - began) / len(inputs)
            np.add.at(self.seconds, inputs, share)
        self._settle(np.unique(inputs) if len(rows) else np.flatnonzero(self.active))

    def _visit(self, rows, inputs):
        bits = self._unpack(rows)
        units = bits.shape[1]
        planes = self._planes(inputs, bits)
        reach = self.reach[inputs]
        bounds = RegionBounds(self.evaluator, planes, bits, ROUNDS)
        near = ~(bounds.lower > reach)  # so that NaN, from an overflow, is never far
        lower = np.nan_to_num(bounds.facets(), nan=0.0, posinf=np.inf)
        lower[np.arange(len(rows)), units + self.label[inputs]] = np.inf
        hit = (lower <= reach[:, None]) & near[:, None]
        region, unit = np.nonzero(hit[:, :units])
        self.agenda.add(rows[region] ^ self.masks[unit], lower[region, unit])
        self._decide(rows, inputs, planes, lower, hit[:, units:])

    def _planes(self, inputs, bits):
        return self.evaluator.planes(
            self.start[inputs], self.start_error[inputs], bits, self.label[inputs]
        )

    def _decide(self, rows, inputs, planes, lower, hit):
        """Projects on the boundaries within reach; what is not adversarial stays open."""
        region, rival = np.nonzero(hit)
        if not len(region):
            return
        units = self.evaluator.network.units
        owner, column = inputs[region], units + rival
        found = self.witnesses.project(
            owner,
            planes.normal[region, :, column],
            planes.value[region, column],
            planes.length[region, column],
        )
        np.minimum.at(self.open_key, owner, lower[region, column])
        if self.options.lower_bound:
            self.reach = np.minimum(self.reach, self.witnesses.distance)
        else:
            self._finish(np.unique(owner[found]), NOT_ROBUST)
        if self.options.exact:
            left = self.active[owner]
            self.deferred.append(
                (rows[region[left]], rival[left], lower[region[left], column[left]])
            )
        elif not self.options.keep_going:
            failed = np.setdiff1d(owner[~found], owner[found])
            self._finish(failed, UNKNOWN)

    def _settle(self, inputs):
        """Ends inputs with nothing left to visit, or whose budget is spent."""
        inputs = inputs[self.active[inputs]]
        ended = inputs[self.agenda.waiting[inputs] == 0]
        if len(ended) and self.deferred:
            self._resolve(ended)
        ended = ended[self.active[ended]]
        adversarial = np.isfinite(self.witnesses.distance[ended])
        unknown = np.isfinite(self.open_key[ended]) & ~adversarial
        self._finish(ended[adversarial], NOT_ROBUST)
        self._finish(ended[unknown], UNKNOWN)
        self._finish(ended[~unknown & ~adversarial], ROBUST)
        spent = self.regions[inputs] >= self.options.max_regions
        if self.options.seconds_per_point is not None:
            spent |= self.seconds[inputs] > self.options.seconds_per_point
        self._finish(inputs[spent], TIMED_OUT)

    def _finish(self, inputs, status):
        inputs = inputs[self.active[inputs]]
        if not len(inputs):
            return
        radius = np.minimum(self.open_key[inputs], self.reach[inputs])
        if status != ROBUST:
            radius = np.minimum(radius, self.agenda.nearest(inputs))
        found = np.isfinite(self.witnesses.distance[inputs])
        self.status[inputs] = np.where(found, NOT_ROBUST, status)
        self.radius[inputs], self.active[inputs] = radius, False
        self.agenda.drop(inputs)

    # ---- exact resolution

    def _resolve(self, ended):
        """Solves the open candidates of inputs with nothing else left."""
        rows, rival, key = (np.concatenate(part) for part in zip(*self.deferred, strict=True))
        owner = rows[:, 0].astype(np.int64)
        mine, live = np.isin(owner, ended), self.active[owner]
        rest = live & ~mine
        self.deferred = [(rows[rest], rival[rest], key[rest])] if rest.any() else []
        order = np.flatnonzero(mine & live)
        order = order[np.argsort(key[order], kind="stable")]
        size = max(1, self.batch // 4)
        for begin in range(0, len(order), size):
            part = order[begin : begin + size]
            part = part[key[part] <= self.reach[owner[part]]]
            if not self.options.lower_bound:
                part = part[~np.isfinite(self.witnesses.distance[owner[part]])]
            if len(part) and not self._over():
                key[part] = self._resolve_batch(rows[part], owner[part], rival[part], key[part])
        open_ = order[~(key[order] > self.reach[owner[order]])]
        self.open_key[ended] = np.inf
        np.minimum.at(self.open_key, owner[open_], key[open_])

    def _resolve_batch(self, rows, owner, rival, key):
        """Larger lower bounds on how near each candidate's adversarial points can be."""
        began, lower, left = time.monotonic(), key.copy(), np.arange(len(key))
        bits = self._unpack(rows)
        planes = self._planes(owner, bits)
        halving = self.options.lower_bound and self.evaluator.norm == "linf"
        for number in range(HALVINGS if halving else 1):
            reach = self.reach[owner[left]]
            aim = (lower[left] + reach) / 2 if number % 2 else reach * (1 - CLOSE * (number > 0))

            def visit(numbers, moves, left=left):
                found = self.witnesses.try_moves(owner[left[numbers]], moves)
                return found & (halving or not self.options.lower_bound)

            part = planes.rows(left), bits[left], rival[left]
            programs = Programs(self.evaluator, *part, np.maximum(aim, CLOSE * self.epsilon))
            lower[left] = np.maximum(lower[left], programs.solve(visit))
            if self.options.lower_bound:
                self.reach = np.minimum(self.reach, self.witnesses.distance)
            left = left[lower[left] < self.reach[owner[left]] * (1 - 2 * CLOSE)]
            if not len(left):
                break
        np.add.at(self.seconds, owner, (time.monotonic() - began) / len(owner))
        return lower


@contextlib.contextmanager
def _deferred_interrupt():
    """Collects the first Ctrl-C in a list, so that a round always ends whole; a second one raises."""
    pressed = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(number, frame):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
