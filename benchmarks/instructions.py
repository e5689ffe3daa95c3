"""A guard against slower kernels that times nothing: how many instructions the native core takes for fixed inputs.

    python benchmarks/instructions.py              # compare with results/instructions.json; status 1 beyond 5 %
    python benchmarks/instructions.py --write      # after a change that is meant
    python benchmarks/instructions.py --functions  # where the instructions are, as Markdown for profile.md

valgrind's callgrind counts them, in a program of `instructions.cpp` and of the very object files that the installed
module was linked from. Only our own instructions are counted, not libjpeg's. A count depends on the compiler, so the
file says which one it was; it does not depend on the machine, nor on what else runs there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
RECORDED = HERE / "results" / "instructions.json"
TABLES = ("avx2", "portable")
"""valgrind knows no AVX-512."""
TOLERANCE = 0.05
BINDINGS = re.compile(r"(module|bind_\w+)\.cpp\.o$")

Counts = dict[str, Counter[str]]


class UnavailableError(Exception):
    """Nothing can be counted here; the message says why."""


def compiler() -> str:
    """The C++ compiler's own words for itself, first line."""
    said = subprocess.run([os.environ.get("CXX", "c++"), "--version"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()[0]


def objects(build: Path | None) -> list[str]:
    """The module's object files without its bindings: of `build`, or of the newest build in the checkout."""
    if build is None and "IMAGEFEED_BUILD" in os.environ:
        build = Path(os.environ["IMAGEFEED_BUILD"])
    folders = [build] if build else sorted(PROJECT.glob("build/*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders:
        found = sorted(map(str, folder.glob("CMakeFiles/_native.dir/native/*.o")))
        if found and not any(name in folder.name for name in ("portable", "sanitize")):
            return [one for one in found if not BINDINGS.search(one)]
    raise UnavailableError(
        "no object files of a build in this checkout: pip install --editable . leaves them in build/"
    )


def program(build: Path | None, scratch: Path) -> Path:
    """Links the program."""
    made = scratch / "instructions"
    command = [os.environ.get("CXX", "c++"), "-std=c++17", "-O2", "-g1", f"-I{PROJECT / 'native'}"]
    command += [str(HERE / "instructions.cpp"), *objects(build), "-ljpeg", "-pthread", "-o", str(made)]
    subprocess.run(command, check=True)
    return made


def parsed(text: str, own: str) -> Counter[str]:
    """By function, the instructions of callgrind's file that were run in the object `own`."""
    found: Counter[str] = Counter()
    here, function, called = "", "", False
    for line in text.splitlines():
        if line.startswith("ob="):
            here = line[3:]
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            called = True
        elif line[:1].isdigit():
            if not called and here.endswith(own):
                found[function] += int(line.split()[-1])
            called = False
    return found


def count(made: Path, table: str, scratch: Path) -> Counts:
    """By case, and by function, the instructions of one table of kernels."""
    out = scratch / f"{table}.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no"]
    command += ["--compress-pos=no", "--zero-before=begin_case", "--dump-before=end_case", str(made), table]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UnavailableError(f"the program did not run below valgrind: {done.stderr.strip().splitlines()[-1]}")
    dumps = [out.with_name(f"{out.name}.{number}") for number in range(1, 1 + len(done.stdout.split()))]
    return {case: parsed(dump.read_text(), made.name) for case, dump in zip(done.stdout.split(), dumps, strict=True)}


def counted(build: Path | None) -> dict[str, Counts]:
    """By table, case and function. Raises `UnavailableError` where that cannot be."""
    if shutil.which("valgrind") is None:
        raise UnavailableError("valgrind is not installed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as scratch:
        made = program(build, Path(scratch))
        return {table: count(made, table, Path(scratch)) for table in TABLES}


def totals(found: dict[str, Counts]) -> dict[str, int]:
    return {f"{case}, {table}": sum(one.values()) for table, cases in found.items() for case, one in cases.items()}


def comparison(found: dict[str, int], recorded: dict[str, int]) -> list[str]:
    """A line for every case that is beyond the tolerance, or that only one of the two knows."""
    lines: list[str] = []
    for case in sorted({*found, *recorded}):
        now, then = found.get(case), recorded.get(case)
        if now is None or then is None:
            lines.append(f"{case}: {'not counted any more' if now is None else 'not recorded'}")
        elif abs(now / then - 1) > TOLERANCE:
            lines.append(f"{case}: {now:,} instructions; {then:,} are recorded ({now / then - 1:+.1%})")
    return lines


def functions(found: Counts, least: float = 0.02) -> str:
    """A table of where the instructions are, for one table of kernels."""
    lines = ["| case | instructions, millions | where |", "| :-- | --: | :-- |"]
    for case, by_function in found.items():
        whole = sum(by_function.values())
        parts = [f"`{short(name)}` {n / whole:.0%}" for name, n in by_function.most_common() if n / whole >= least]
        lines.append(f"| {case} | {whole / 1e6:.2f} | {', '.join(parts)} |")
    return "\n".join(lines)


def short(name: str) -> str:
    """A function's name without its arguments and namespaces."""
    name = re.sub(r"\(anonymous namespace\)::|imagefeed::|\w*_kernels_impl::", "", name)
    return re.sub(r"[(<].*", "", name).rpartition("::")[2].split()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--build", type=Path, help="CMake's build folder; else IMAGEFEED_BUILD, else the newest of build/*"
    )
    parser.add_argument("--write", action="store_true", help="record what is counted")
    parser.add_argument("--functions", action="store_true", help="show where the instructions are")
    given = parser.parse_args()
    try:
        found = counted(given.build)
    except UnavailableError as reason:
        print(reason, file=sys.stderr)
        return 77
    if given.functions:
        print(functions(found[TABLES[0]]))
        return 0
    if given.write:
        RECORDED.write_text(json.dumps({"compiler": compiler(), "instructions": totals(found)}, indent=1) + "\n")
    recorded = json.loads(RECORDED.read_text())
    if recorded["compiler"] != compiler():
        print(f"counted with {compiler()}; the figures are of {recorded['compiler']}", file=sys.stderr)
        return 77
    lines = comparison(totals(found), recorded["instructions"])
    print("\n".join(lines) or f"{len(recorded['instructions'])} counts, each within {TOLERANCE:.0%}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
