"""What a loader did with its time, and what would make it faster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imagefeed.memory import format_bytes
from imagefeed.meter import Meter

if TYPE_CHECKING:
    from rich.table import Table

# Below this share of waiting, the loader is as fast as it needs to be.
ENOUGH = 0.05
_NATIVE = ("read", "decode", "draw")
_STAGES = {
    "read": "reading files",
    "decode": "decoding JPEG",
    "draw": "resampling, color and storing",
    "pillow": "decoding other formats by Pillow",
    "function": "Python functions of Apply",
    "cache": "filling the cache",
    "python": "planning, in Python",
}
_ADVICE = {
    "read": "put the data on a faster disk, or keep pictures: Loader(cache=...)",
    "decode": "keep decoded pictures: Loader(cache='ram'), or cache=Cache(folder) where they do not fit the memory",
    "draw": "make the result smaller or leave out steps; or give the loader more cores",
    "pillow": "store the pictures as JPEG, or keep decoded ones: Loader(cache=...)",
    "function": "write the step as a transform; or run it in processes: Loader(processes=...)",
    "cache": "nothing: the next epoch reads what is kept now",
    "python": "use a larger batch_size, so that more pictures are planned together",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a loader did since it was made. Printed, it is a table.

    Attributes:
        images: How many pictures were handed out.
        batches: In how many batches.
        bad: How many could not be read.
        seconds: While somebody iterated.
        waited: Seconds that whoever iterated waited for batches.
        threads: How many native threads worked.
        microseconds: By stage, the time that one picture takes one core; or, for stages in Python, all of it.
        ceilings: By stage, the pictures a second that it alone would allow.
        cache_hits: How many pictures came from the cache.
        cache_misses: How many were not in it.
        threads_tried: With `threads="auto"`, the pictures a second that each number of threads gave that was tried.
        memory: Bytes: "total", and of it for "decoding", for files and batches that are "moving", and for a "cache" in
            memory; and what is "cached" of that.
        ahead: How many batches may be made ahead.
    """

    images: int
    batches: int
    bad: int
    seconds: float
    waited: float
    threads: int
    microseconds: dict[str, float]
    ceilings: dict[str, float]
    cache_hits: int
    cache_misses: int
    threads_tried: dict[int, float]
    memory: dict[str, int]
    ahead: int

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def wait_share(self) -> float:
        """The share of time that whoever iterated waited."""
        return self.waited / self.seconds if self.seconds else 0.0

    @property
    def limit(self) -> str | None:
        """The stage that limits the loader; None where the loader limits nobody."""
        if self.wait_share < ENOUGH or not self.ceilings:
            return None
        native = [name for name in _NATIVE if name in self.ceilings]
        # Native stages share the threads: together they allow less than each alone.
        together = sum(self.microseconds[name] for name in native) / self.threads
        slowest = min(self.ceilings, key=lambda name: self.ceilings[name])
        if slowest not in native and self.microseconds[slowest] >= together:
            return slowest
        return max(native, key=lambda name: self.microseconds[name]) if native else slowest

    @property
    def advice(self) -> str:
        """The next thing to try, in a sentence."""
        if not self.images:
            return "Nothing has been loaded yet."
        if self.limit is None:
            return f"The model limits: it waited {self.wait_share:.0%} of the time. The loader is fast enough."
        return (
            f"The loader limits: the model waited {self.wait_share:.0%} of the time, most of all for "
            f"{_STAGES[self.limit]}. Try this: {_ADVICE[self.limit]}."
        )

    def since(self, before: Report) -> Report:
        """What was done after another report of the same loader."""
        images = self.images - before.images
        spent = {
            name: max(0.0, cost * self.images - before.microseconds.get(name, 0.0) * before.images)
            for name, cost in self.microseconds.items()
        }
        costs = {name: value / images for name, value in spent.items() if value} if images else {}
        return Report(
            images=images,
            batches=self.batches - before.batches,
            bad=self.bad - before.bad,
            seconds=self.seconds - before.seconds,
            waited=self.waited - before.waited,
            threads=self.threads,
            microseconds=costs,
            ceilings={name: 1e6 / cost * (self.threads if name in _NATIVE else 1) for name, cost in costs.items()},
            cache_hits=self.cache_hits - before.cache_hits,
            cache_misses=self.cache_misses - before.cache_misses,
            threads_tried=self.threads_tried,
            memory=self.memory,
            ahead=self.ahead,
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, which JSON has words for."""
        derived = {"rate": self.rate, "wait_share": self.wait_share, "limit": self.limit, "advice": self.advice}
        return {**asdict(self), **derived}

    def __str__(self) -> str:
        lines = [f"{self.images} pictures in {self.seconds:.1f} s: {self.rate:,.0f} a second on {self.threads} threads"]
        for name, cost in self.microseconds.items():
            most = f"{self.ceilings[name]:>12,.0f} a second at most"
            lines.append(f"  {_STAGES[name]:<34}{cost:>9.0f} µs a picture{most}")
        lines += [f"  {name:<34}{value}" for name, value in self._others()]
        return "\n".join([*lines, self.advice])

    def __rich__(self) -> Table:
        """The table that rich prints."""
        from rich.table import Table  # rich: not before it is needed

        title = f"{self.images} pictures in {self.seconds:.1f} s: {self.rate:,.0f} a second on {self.threads} threads"
        table = Table("stage", title=title, caption=self.advice, caption_justify="left")
        table.add_column("µs a picture", justify="right")
        table.add_column("pictures a second at most", justify="right")
        for name, cost in self.microseconds.items():
            table.add_row(_STAGES[name], f"{cost:.0f}", f"{self.ceilings[name]:,.0f}")
        for name, value in self._others():
            table.add_row(name, value, "")
        return table

    def _others(self) -> list[tuple[str, str]]:
        found = [("waited for a batch", f"{self.waited:.2f} s, {self.wait_share:.0%} of the time")]
        if self.cache_hits or self.cache_misses:
            share = self.cache_hits / (self.cache_hits + self.cache_misses)
            found.append(("from the cache", f"{self.cache_hits}, {share:.0%}"))
        if self.threads_tried:
            rates = ", ".join(f"{count}: {rate:,.0f}" for count, rate in sorted(self.threads_tried.items()))
            found.append(("threads tried: pictures a second", rates))
        cached = f", {format_bytes(self.memory['cached'])} cached" if self.memory["cache"] else ""
        found.append(("memory", f"{format_bytes(self.memory['total'])} at most{cached}; {self.ahead} batches ahead"))
        if self.bad:
            found.append(("could not be read", str(self.bad)))
        return found


def report_of(
    meter: Meter,
    times: tuple[int, int, int],
    threads: int,
    *,
    hits: int,
    misses: int,
    tried: dict[int, float],
    memory: dict[str, int],
    ahead: int,
) -> Report:
    """A report.

    Args:
        meter: What was measured in Python.
        times: Nanoseconds that the native threads spent reading, decoding and drawing.
        threads: How many they are.
        hits: Pictures from the cache.
        misses: Pictures that were not in it.
        tried: Numbers of threads that were tried, with the pictures a second that each gave.
        memory: What of it may be used for what.
        ahead: How many batches may be made ahead.
    """
    images = max(meter.images, 1)
    native = dict(zip(_NATIVE, times, strict=True))
    spans = {name: meter.spans.get(name, 0) for name in ("pillow", "function", "cache")}
    costs = {name: value for name, value in {**native, **spans, "python": meter.python}.items() if value}
    rates = {name: images * 1e9 / value * (threads if name in native else 1) for name, value in costs.items()}
    return Report(
        images=meter.images,
        batches=meter.batches,
        bad=meter.bad,
        seconds=meter.elapsed / 1e9,
        waited=meter.spans.get("wait", 0) / 1e9,
        threads=threads,
        microseconds={name: value / images / 1e3 for name, value in costs.items()},
        ceilings=rates,
        cache_hits=hits,
        cache_misses=misses,
        threads_tried=tried,
        memory=memory,
        ahead=ahead,
    )
