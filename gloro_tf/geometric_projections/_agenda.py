"""Which regions are still to be visited, nearest first; every region of an input once."""

import tempfile

import numpy as np

BUCKETS = 64
WAITING, DONE = 0, 1


class KeyTable:
    """An exact, vectorised hash table of rows of 64-bit words; rows are numbered as they come."""

    def __init__(self, words):
        self.words = words
        mixers = np.random.default_rng(7).integers(1, 2**63, words, dtype=np.uint64)
        self._mixers = mixers * np.uint64(2) + np.uint64(1)
        self.rows, self.count = np.zeros((1024, words), np.uint64), 0
        self._slots = np.full(4096, -1, np.int64)

    def _hash(self, rows):
        mixed = (rows * self._mixers).sum(axis=1, dtype=np.uint64)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        return ((mixed >> np.uint64(20)) & np.uint64(len(self._slots) - 1)).astype(np.int64)

    def insert(self, rows):
        """Numbers of rows `(n, words)` in the table, and which of them it had not; n and n bool.

        Of equal new rows, one counts as new.
        """
        self._reserve(len(rows))
        slot, found = self._hash(rows), np.full(len(rows), -1, np.int64)
        fresh, pending = np.zeros(len(rows), "bool"), np.arange(len(rows))
        while pending.size:
            holder = self._slots[slot[pending]]
            empty = holder < 0
            same = ~empty
            same[same] = (self.rows[holder[same]] == rows[pending[same]]).all(axis=1)
            found[pending[same]] = holder[same]
            slot[pending[~empty & ~same]] += 1
            slot &= len(self._slots) - 1
            claim = pending[empty]
            self._slots[slot[claim]] = -2 - claim
            won = claim[self._slots[slot[claim]] == -2 - claim]
            numbers = self.count + np.arange(len(won))
            self.rows[numbers], self._slots[slot[won]] = rows[won], numbers
            self.count += len(won)
            found[won], fresh[won] = numbers, True
            pending = pending[~same]
            pending = pending[found[pending] < 0]
        return found, fresh

    def _reserve(self, extra):
        need = self.count + extra
        if need > len(self.rows):
            grown = np.zeros((max(need, 2 * len(self.rows)), self.words), np.uint64)
            grown[: self.count] = self.rows[: self.count]
            self.rows = grown
        if 2 * need > len(self._slots):
            self._build(1 << int(np.ceil(np.log2(4 * need))))

    def _build(self, size):
        self._slots = np.full(size, -1, np.int64)
        slot, pending = self._hash(self.rows[: self.count]), np.arange(self.count)
        while pending.size:
            free = pending[self._slots[slot[pending]] < 0]
            self._slots[slot[free]] = free
            pending = pending[self._slots[slot[pending]] != pending]
            slot[pending] = (slot[pending] + 1) & (size - 1)

    def keep(self, numbers):
        """Forgets all rows but those; they are renumbered in the order given."""
        self.rows, self.count = self.rows[numbers], len(numbers)
        self._build(max(4096, 1 << int(np.ceil(np.log2(4 * self.count + 1)))))


class Agenda:
    """The regions of all inputs in flight: what was visited, and what waits, by distance.

    A region is its input's number and its packed pattern. One that is met again at a smaller
    distance before it was visited moves forward; one that was visited never comes back. What waits
    is kept in buckets of equal distances; beyond `most` regions the farthest buckets go to a file.

    Args:
        words: int. 64-bit words of a row; the first is the input's number.
        reach: float. The largest distance.
        inputs: int. How many inputs there are.
        most: int. Regions to keep in memory.
    """

    LEAST = 4096

    def __init__(self, words, reach, inputs, most):
        self.table, self.reach, self.most = KeyTable(words), reach, max(most, self.LEAST)
        self.key, self.state = np.zeros(1024), np.zeros(1024, np.uint8)
        self.buckets = [[] for _ in range(BUCKETS)]
        self.waiting = np.zeros(inputs, np.int64)
        self.dropped = np.zeros(inputs, "bool")
        self.files, self.spilled = [], 0

    @property
    def size(self):
        """Regions in memory."""
        return self.table.count

    def add(self, rows, keys):
        """Adds regions `(n, words)` at distances `(n,)`."""
        if not len(rows):
            return
        order = np.argsort(keys, kind="stable")
        rows, keys = rows[order], keys[order]
        numbers, fresh = self.table.insert(rows)
        if self.table.count > len(self.key):
            self.key = np.resize(self.key, len(self.table.rows))
            self.state = np.resize(self.state, len(self.table.rows))
        self.key[numbers[fresh]] = np.inf
        self.state[numbers[fresh]] = WAITING
        before = self.key[numbers]
        np.minimum.at(self.key, numbers, keys)
        nearer = (self.state[numbers] == WAITING) & (keys < before) & (keys == self.key[numbers])
        np.add.at(self.waiting, rows[fresh, 0].astype(np.int64), 1)
        self._push(numbers[nearer], keys[nearer])
        if self.table.count > self.most:
            self._shrink()

    def _push(self, numbers, keys):
        buckets = np.minimum(keys / self.reach * BUCKETS, BUCKETS - 1).astype(np.int64)
        ends = np.searchsorted(buckets, np.arange(BUCKETS + 1))
        for bucket in np.unique(buckets):
            self.buckets[bucket].append(numbers[ends[bucket] : ends[bucket + 1]])

    def take(self, most):
        """Removes up to `most` of the nearest waiting regions: rows `(n, words)` and distances."""
        taken, count = [], 0
        while count < most:
            bucket = next((b for b in self.buckets if b), None)
            if bucket is None:
                if not self.files or taken:
                    break
                self._reload()
                continue
            numbers = bucket.pop()
            alive = (self.state[numbers] == WAITING) & ~self.dropped[self._inputs(numbers)]
            numbers = np.unique(numbers[alive])
            if count + len(numbers) > most:
                bucket.append(numbers[most - count :])
                numbers = numbers[: most - count]
            self.state[numbers] = DONE
            taken.append(numbers)
            count += len(numbers)
        numbers = np.concatenate(taken) if taken else np.zeros(0, np.int64)
        rows = self.table.rows[numbers]
        np.subtract.at(self.waiting, rows[:, 0].astype(np.int64), 1)
        return rows, self.key[numbers]

    def drop(self, inputs):
        """Forgets what waits for some inputs."""
        self.dropped[inputs] = True

    def close(self):
        """Removes the files."""
        while self.files:
            self.files.pop()[0].close()

    def nearest(self, inputs):
        """Smallest distance of what still waits for each of some inputs; infinite if nothing."""
        least = np.full(len(self.waiting), np.inf)
        numbers = np.flatnonzero(self.state[: self.size] == WAITING)
        np.minimum.at(least, self._inputs(numbers), self.key[numbers])
        for file in self.files:
            least = np.minimum(least, file[1])
        return least[inputs]

    def _inputs(self, numbers):
        return self.table.rows[numbers, 0].astype(np.int64)

    def _shrink(self):
        """Drops what belongs to decided inputs; if that is little, spills the far half to disk."""
        alive = np.flatnonzero(~self.dropped[self._inputs(np.arange(self.size))])
        if len(alive) > self.most // 2:
            waits = alive[self.state[alive] == WAITING]
            far = np.sort(waits[np.argsort(self.key[waits], kind="stable")][len(waits) // 4 :])
            if len(far):
                self._spill(far)
                alive = np.setdiff1d(alive, far, assume_unique=True)
        self.key[: len(alive)], self.state[: len(alive)] = self.key[alive], self.state[alive]
        self.table.keep(alive)
        self.key = np.resize(self.key, len(self.table.rows))
        self.state = np.resize(self.state, len(self.table.rows))
        self.buckets = [[] for _ in range(BUCKETS)]
        waits = np.flatnonzero(self.state[: self.size] == WAITING)
        waits = waits[np.argsort(self.key[waits], kind="stable")]
        self._push(waits, self.key[waits])
        self.most = max(self.most, 2 * self.size)

    def _spill(self, numbers):
        file = tempfile.TemporaryFile()
        np.save(file, self.table.rows[numbers])
        np.save(file, self.key[numbers])
        least = np.full(len(self.waiting), np.inf)
        np.minimum.at(least, self._inputs(numbers), self.key[numbers])
        self.files.append((file, least))
        self.spilled += len(numbers)

    def _reload(self):
        first = min(range(len(self.files)), key=lambda n: self.files[n][1].min())
        file, _ = self.files.pop(first)
        file.seek(0)
        rows, keys = np.load(file), np.load(file)
        file.close()
        alive = ~self.dropped[rows[:, 0].astype(np.int64)]
        inputs = rows[alive, 0].astype(np.int64)
        np.subtract.at(self.waiting, inputs, 1)
        self.add(rows[alive], keys[alive])
