"""How many threads give the most pictures a second, found out while they work."""

from __future__ import annotations

# A trial has two parts of at least so many batches and nanoseconds; only the second is timed, since the first one
# still gets what was made with another number of threads.
_BATCHES = 8
_LENGTH = 250_000_000
# Another number of threads is better if it gives so many times the pictures: less would be noise.
_GAIN = 1.1
# Below this share of waiting it is not the loader that limits, so there is nothing to be found out.
_WAITS = 0.05
# Threads for each core, at most: where they wait for a disk or a network.
_MOST = 8


class Tuner:
    """Climbs from one number of threads to twice as many for as long as that gains; or else to fewer.

    What is measured are the pictures that come out at the end, so that a training loop which needs cores itself is
    taken into account. Pictures are the same with any number of threads.

    Args:
        cores: The number to begin with.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what has been found, if anything: the work is another one now."""
        self.threads = self._best = self._cores
        self.tried: dict[int, float] = {}
        """Pictures a second, by the number of threads."""
        self.settled = False
        self._rising = True
        self._begin()

    def note(self, images: int, nanoseconds: int, waited: int) -> None:
        """Count a batch; `threads` is then how many shall work from now on.

        Args:
            images: How many pictures it has.
            nanoseconds: Since the batch before.
            waited: Those of them that somebody waited for it.
        """
        if self.settled:
            return
        self._batches += 1
        self._time += nanoseconds
        self._waited += waited
        self._images += images
        if self._batches < _BATCHES or self._time < _LENGTH:
            return
        rate, share, timed = 1e9 * self._images / self._time, self._waited / self._time, self._timed
        self._begin(timed=not timed)
        if not timed or (not self.tried and share < _WAITS):
            return
        self.threads = self._decided(rate)

    def _begin(self, *, timed: bool = False) -> None:
        self._timed = timed
        self._batches = self._time = self._waited = self._images = 0

    def _decided(self, rate: float) -> int:
        """The number of threads to try next; or the best one, once all has been tried."""
        better = not self.tried or rate > _GAIN * self.tried[self._best]
        self.tried[self.threads] = rate
        if better:
            self._best = self.threads
        if self._rising and better and 2 * self._best <= _MOST * self._cores:
            return 2 * self._best
        if self._rising and self._best == self._cores:
            better, self._rising = True, False
        fewer = self._best - max(1, self._best // 4)
        if not self._rising and better and fewer > 0:
            return fewer
        self.settled = True
        return self._best
