"""The table on the terminal, and the dated file that keeps it."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from ops.bench.figures import Figure
from rich.console import Console
from rich.table import Table

WORDS = {True: "yes", False: "NO", None: ""}
RESULTS = Path(__file__).with_name("results")


def show(figures: Sequence[Figure]) -> None:
    """Prints the table."""
    table = Table(title="Grantlog: ratios of one run", title_justify="left")
    table.add_column("figure")
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("smallest to largest, or more about it")
    table.add_column("asked for", no_wrap=True)
    table.add_column("met")
    for figure in figures:
        table.add_row(figure.name, figure.value, figure.spread, figure.target, WORDS[figure.met])
    Console().print(table)


def markdown(figures: Sequence[Figure], machine: Mapping[str, str], day: date, seconds: float) -> str:
    """The same as a document."""
    lines = [
        f"# Benchmark of {day.isoformat()}",
        "",
        "Only ratios carry over to other machines. Both sides of each were measured in alternating windows of one run: the",
        "server under test on one core, load generator and stores on the other. Rates are medians of windows, ratios are medians",
        "of ratios within a round, and every answer was checked. `make bench` repeats it;",
        "`ops/bench/README.md` says what is compared.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        f"- duration: {seconds:.0f} s",
        "",
        "| figure | median | smallest to largest, or more about it | asked for | met |",
        "|---|---:|---|---|---|",
    ]
    lines += [
        f"| {figure.name} | {figure.value} | {figure.spread} | {figure.target} | {WORDS[figure.met]} |"
        for figure in figures
    ]
    return "\n".join(lines) + "\n"


def keep(text: str, day: date) -> Path:
    """Writes the document of the day; the last run of a day stands."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{day.isoformat()}.md"
    file.write_text(text, encoding="utf-8")
    return file
