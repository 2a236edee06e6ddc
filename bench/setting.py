"""What every part of the benchmark is told: where results lie, which Python has the peers, how many rounds, how much of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import photographs
from bench.machine import load_average, machine

HERE = Path(__file__).resolve().parent
Found = dict[str, Any]  # as in the JSON


@dataclass(frozen=True, slots=True)
class Setting:
    """What the command line asks for.

    Attributes:
        results: folder of everything that is made.
        peer: the Python of an environment with bench/peer-requirements.txt; None: no peers.
        rounds: rounds of each contestant that count.
        quick: small lists and few pictures, to see that everything runs; the figures mean nothing.
        photographs: a folder of JPEG photographs, in the place of Debian's packages.
    """

    results: Path
    peer: Path | None
    rounds: int
    quick: bool
    photographs: Path | None

    def scaled(self, count: int, quick: int) -> int:
        """Return how many things are to be measured."""
        return quick if self.quick else count

    def photos(self) -> list[Path]:
        """Return the photographs."""
        return photographs.usable(self.photographs) if self.photographs else photographs.fetch(self.results / "photographs")


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all parts have."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--results", type=Path, default=HERE / "results", help="folder of everything that is made")
    made.add_argument("--peer", type=Path, help="the Python of an environment with bench/peer-requirements.txt")
    made.add_argument("--rounds", type=int, default=3, help="rounds of each contestant that count")
    made.add_argument("--quick", action="store_true", help="small lists, few pictures: to see that it runs, not how fast")
    made.add_argument("--photographs", type=Path, help="a folder of JPEG photographs, in the place of Debian's packages")
    return made


def setting(options: argparse.Namespace) -> Setting:
    """Return the options that all parts have; without --peer, an environment that `make bench` made is used."""
    made = options.results / "peer" / "bin" / "python"
    peer = options.peer or (made if made.exists() else None)
    options.results.mkdir(parents=True, exist_ok=True)
    return Setting(options.results.absolute(), peer and peer.absolute(), options.rounds, options.quick, options.photographs)


def into_readme(path: Path, text: str, begin: str, end: str) -> None:
    """Put the tables in the place of those of the last run, between two lines of a file."""
    before, first, rest = path.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise SystemExit(f"{path}: the marks of the tables are missing")
    path.write_text(before + first + "\n" + text + "\n\n" + last + after, encoding="utf-8")


def told(name: str, chosen: Setting, found: Found, before: float, text: str) -> str:
    """Write the JSON of one part, and its tables with the machine under them, which are printed and returned.

    Args:
        name: of the files.
        chosen: where they go.
        found: what was measured.
        before: the load average when it began.
        text: the tables.
    """
    about, load = machine(), load_average()
    lines = [f"- {what}: {value}" for what, value in about.items()]
    lines.append(f"- processes that wanted a core, before and after: {before:.2f}, {load:.2f}")
    whole = "\n\n".join([text, "\n".join(lines)])
    answer = {"machine": about, "load": [before, load], name: found}
    (chosen.results / f"{name}.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    (chosen.results / f"{name}.md").write_text(whole + "\n", encoding="utf-8")
    print(whole)
    return whole


def alone(name: str, about: str | None, measure: Callable[[Setting], Found], tables: Callable[[Found], str]) -> None:
    """Run one part from the command line, with the options that all parts have."""
    run(name, setting(parser(about).parse_args()), measure, tables)


def run(name: str, chosen: Setting, measure: Callable[[Setting], Found], tables: Callable[[Found], str]) -> None:
    """Run one part: print its tables, write them and the JSON."""
    if chosen.peer is None:
        print("no peers: give --peer, or run `make bench` once", file=sys.stderr)
    before = load_average()
    found = measure(chosen)
    text = tables(found)
    whole = {"machine": machine(), "load": [before, load_average()], name: found}
    (chosen.results / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (chosen.results / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
