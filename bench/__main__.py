"""Measure everything, ours and the peers' in one run: `make bench`, or `python -m bench [PART ...]`.

Prints the tables as they come, and writes them (bench.md) and every single run (bench.json) into the folder of results.
"""

from __future__ import annotations

import json
import time
from types import ModuleType

from bench import builds, compilation, delta, exact, firstline, formats, kernel, near, results
from bench.machine import load_average, machine
from bench.setting import HERE, Found, into_readme, parser, setting
from bench.summary import peers, share

PARTS: dict[str, ModuleType] = {
    "firstline": firstline,
    "kernel": kernel,
    "near": near,
    "exact": exact,
    "delta": delta,
    "formats": formats,
    "compilation": compilation,
    "builds": builds,
}
BEGIN, END = "<!-- last run -->\n", "<!-- end of last run -->\n"


def main() -> None:
    """Measure, print the tables, write them and the JSON."""
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    options.add_argument("--readme", action="store_true", help="write the tables into bench/README.md as well")
    given = options.parse_args()
    if unknown := sorted(set(given.parts) - set(PARTS)):
        options.error(f"no such part: {', '.join(unknown)}")
    chosen = setting(given)
    found: Found = {"machine": machine(), "load": [load_average()], "seconds": {}}
    texts = []
    for name in given.parts or PARTS:
        start = time.perf_counter()
        found[name] = PARTS[name].measure(chosen)
        found["seconds"][name] = time.perf_counter() - start
        texts.append((results if name == "builds" else PARTS[name]).tables(found[name]))
        print(f"{texts[-1]}\n", flush=True)
    found["load"].append(load_average())
    text = "\n\n".join([*texts, *share(found), _about(found)])
    (chosen.results / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.results / "bench.md").write_text(text + "\n", encoding="utf-8")
    if given.readme:
        into_readme(HERE / "README.md", text, BEGIN, END)
    print(text)


def _about(found: Found) -> str:
    """Return machine, versions and load as lines."""
    lines = [f"- {name}: {value}" for name, value in found["machine"].items()]
    lines += [f"- {name}: {value}" for name, value in peers(found).items()]
    lines.append(f"- processes that wanted a core, before and after: {found['load'][0]:.2f}, {found['load'][1]:.2f}")
    lines.append("- seconds of each part: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in found["seconds"].items()))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
