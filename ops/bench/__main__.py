"""``make bench``: everything in one run of a few minutes. The table says which figure misses what is asked for."""

import argparse
import asyncio
import sys
from datetime import datetime
from time import perf_counter

from ops.bench import figures, machine, report
from ops.bench.figures import Figure
from ops.bench.world import FULL, QUICK, Size, world

PARTS = ("introspection", "issuance", "login", "revocation", "memory")


async def measured(size: Size, parts: list[str]) -> list[Figure]:
    """The figures of the chosen parts, in their order."""
    found: list[Figure] = []
    async with world(size) as running:
        if "introspection" in parts:
            found += figures.introspection(running)
        if "issuance" in parts:
            found += figures.issuance(running)
        if "login" in parts:
            found += figures.login(running)
        if "revocation" in parts:
            found += await figures.revocation(running)
        if "memory" in parts:
            found += await figures.memory(running)
    return found


def main() -> int:
    """Runs it, prints the table, and keeps the file where everything was measured in full."""
    parser = argparse.ArgumentParser(prog="python -m ops.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small windows, nothing kept: to see that it works")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="measure these only, keep nothing")
    options = parser.parse_args()
    about, began = machine.described(), perf_counter()
    found = asyncio.run(measured(QUICK if options.quick else FULL, options.parts or list(PARTS)))
    report.show(found)
    if not options.quick and not options.parts:
        day = datetime.now().astimezone().date()
        text = report.markdown(found, about, day, perf_counter() - began)
        sys.stdout.write(f"kept in {report.keep(text, day).relative_to(report.RESULTS.parents[2])}\n")
    missed = [figure.name for figure in found if figure.met is False]
    if missed:
        sys.stdout.write("missed: " + "; ".join(missed) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
