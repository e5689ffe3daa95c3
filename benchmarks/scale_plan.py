"""A plan on paper for a billion pictures on a thousand machines, reckoned from what scale.py measured."""

from __future__ import annotations

from typing import Any

RECORDS = 10**9
MACHINES = 1000
CORES = 16
NETWORK = 25e9 / 8
"""Bytes a second, of each machine."""
PRICE = 0.04
"""Of a core for an hour, in dollars."""
OUTPUT = 224 * 224 * 3
BLOCK = 128 << 20
"""What Ray Data makes of its blocks, at most."""


def table(found: dict[str, Any]) -> str:
    """Rows of what has to be done: how much, how long, what it means."""
    one = found["records"]
    core = found["uint8"]["loader"]["median"] / found["cores"]
    rate = core * CORES * MACHINES
    epoch = RECORDS / rate
    reading = rate * one["stored_bytes"]
    listing = RECORDS * one["names_bytes"]
    packing = one["packing_rate"] / found["cores"] * CORES * MACHINES
    fitting = one["statistics_rate"] / found["cores"] * CORES * MACHINES
    sums = 2 * MACHINES * one["sum_bytes"]["zca_32x32x3"]
    merging = 2 * MACHINES * one["merge_seconds"]["zca_32x32x3"]
    blocks = RECORDS * OUTPUT / BLOCK
    rows = [
        ("index", f"{size(listing)} ({one['names_bytes']:.0f} bytes a record)", f"{length(listing / NETWORK)} to send",
         ("on every machine: too much; a share of the tar files for each machine is "
         f"{size(RECORDS * one['ranges_bytes'] / MACHINES)}")),
        ("shuffle", "no memory", f"{one['shuffle_nanoseconds']:.0f} ns a record",
         f"{RECORDS * one['shuffle_nanoseconds'] / 1e9 / MACHINES:.2f} s of a core for a machine's share of an epoch"),
        ("rendering an epoch", f"{rate / 1e6:.0f} million pictures a second", length(epoch),
         f"{RECORDS / core / 3600:,.0f} core hours, ${RECORDS / core / 3600 * PRICE:,.0f}"),
        ("reading for it", f"{size(RECORDS * one['stored_bytes'])}", f"{size(reading / MACHINES)}/s for each machine",
         f"{reading / MACHINES / NETWORK:.0%} of its network, and {size(reading)}/s of the storage"),
        ("sending it elsewhere", f"{size(RECORDS * OUTPUT)} of bytes",
         f"{size(rate / MACHINES * OUTPUT)}/s from each machine",
         f"{rate * OUTPUT / MACHINES / NETWORK:.0%} of its network as bytes, four times that as float32"),
        ("the same through Ray Data", f"{blocks / 1e6:.1f} million blocks",
         f"{found['driver']['units_rate']:.0f} units a second", (f"{length(blocks / found['driver']['units_rate'])} "
         "for an epoch, however many machines: one process hands them out")),
        ("mean and deviation", f"{one['sum_bytes']['channel']} bytes from each of 32,000 units",
         length(RECORDS / fitting), "a thousandth of the pictures says the same"),
        ("ZCA of 32×32×3", f"{size(sums)} of sums", f"{length(sums / NETWORK + merging)} to add up",
         "after one pass; on 32 actors, a thirtieth of that"),
        ("cache of 256×256", f"{size(RECORDS * one['packed_bytes'])}", length(RECORDS / packing),
         f"{one['packed_bytes'] / one['stored_bytes']:.0%} of what is stored, in {RECORDS // 5000:,} tar files"),
    ]  # fmt: skip
    head = "| | how much | how long | that is |\n|---|---|---|---|\n"
    return head + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def size(count: float) -> str:
    """Bytes for people."""
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{count:.3g} {units[0]}"


def length(seconds: float) -> str:
    """A time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
