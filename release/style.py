"""The one style sheet of pages for people: two palettes, one for paper, no request to anywhere.

Colours of text stand out from every ground at 4.5:1 or more, and those of shapes at 3:1 or more (WCAG 2.2, 1.4.3 and 1.4.11), in
light and dark; no colour says a thing that words or a shape do not say as well. Nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ink": "#1b1f24",
    "soft": "#4d5761",
    "paper": "#ffffff",
    "panel": "#f3f5f8",
    "line": "#c9d1d9",
    "good": "#176f2c",
    "warn": "#7d4e00",
    "bad": "#b3151f",
    "link": "#0a5ea8",
    "bar": "#2f6f9f",
    "rest": "#dfe4ea",
    "gone": "#b3541e",
    "blind": "#6b4fa0",
}
DARK: Mapping[str, str] = {
    "ink": "#e6edf3",
    "soft": "#a6b0bb",
    "paper": "#0f1318",
    "panel": "#181d24",
    "line": "#3a424d",
    "good": "#4cc264",
    "warn": "#e0a33a",
    "bad": "#ff7b72",
    "link": "#6cb2f5",
    "bar": "#5aa3d3",
    "rest": "#2b323b",
    "gone": "#e08a4f",
    "blind": "#a98be0",
}
PAPER: Mapping[str, str] = {**LIGHT, "ink": "#000000", "soft": "#3d3d3d", "panel": "#ffffff", "line": "#8a8a8a", "link": "#000000"}
TEXT = ("ink", "soft", "good", "warn", "bad", "link")
SHAPES = ("bar", "gone", "blind", "good", "warn", "bad")
GROUNDS = ("paper", "panel")


def _variables(palette: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


STYLE = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
""" + """
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1rem; max-width: 58rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0 0.25rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 0.5rem; padding-top: 0.9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.4rem 0 0.3rem; }
p, ul, ol, dl { margin: 0.5rem 0; }
ul, ol { padding-left: 1.3rem; } li { margin: 0.25rem 0; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code { font: 0.88em/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
p code, dd code, li code, td code { background: var(--panel); padding: 0.1em 0.3em; border-radius: 3px; }
pre { margin: 0.6rem 0; padding: 0.6rem 0.8rem; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; }
.skip { position: absolute; left: -100rem; background: var(--paper); padding: 0.4rem 0.8rem; z-index: 1; } .skip:focus { left: 0.5rem; top: 0.5rem; }
.soft { color: var(--soft); font-size: 0.93rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.verdict { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 1rem; margin: 1rem 0; padding: 1rem 1.1rem; background: var(--panel);
  border: 1px solid var(--line); border-left: 0.5rem solid var(--tone); border-radius: 8px; --tone: var(--soft); }
.verdict h2 { margin: 0; padding: 0; border: 0; font-size: 1.55rem; line-height: 1.2; color: var(--tone); }
.verdict .icon { width: 3.2rem; height: 3.2rem; color: var(--tone); } .verdict > div > p:last-child { margin-bottom: 0; }
.meaning { font-size: 1.08rem; } .next { border-top: 1px solid var(--line); padding-top: 0.5rem; }
.good { --tone: var(--good); } .warn { --tone: var(--warn); } .bad { --tone: var(--bad); } .plain { --tone: var(--soft); }
.icon { width: 1.15em; height: 1.15em; vertical-align: -0.2em; color: var(--tone, var(--soft)); flex: none; }
.icon path, .icon circle { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
.word { font-weight: 600; color: var(--tone, var(--ink)); } .badge { white-space: nowrap; }
.gloss { display: block; font-weight: 400; color: var(--soft); }
.outside { border: 2px dashed var(--warn); border-radius: 8px; padding: 0.4rem 1rem; margin: 1rem 0; }
.facts { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 1rem 0; }
.facts > div { flex: 1 1 12rem; border: 1px solid var(--line); border-radius: 8px; padding: 0.5rem 0.8rem; } .facts > .long { flex-basis: 100%; }
.facts dt { color: var(--soft); font-size: 0.88rem; } .facts dd { margin: 0; font-size: 1.1rem; font-weight: 600; }
.facts .long dd { font-size: 1rem; } .facts dd code { font-size: 0.74rem; font-weight: 400; background: none; padding: 0; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; } nav li { margin: 0; padding: 0.15rem 0; }
.reasons { list-style: none; padding: 0; } .reasons p { margin: 0.2rem 0; } .reasons > li { border-left: 0.25rem solid var(--line); padding: 0.1rem 0 0.1rem 0.8rem; margin: 0.8rem 0; }
svg { display: block; } svg.icon, svg.swatch { display: inline-block; }
.all { fill: var(--rest); } .left { fill: var(--bar); } .gone { fill: var(--gone); } .blind { fill: var(--blind); } .grain { stroke: var(--paper); fill: none; }
.mark { fill: none; stroke: var(--ink); stroke-width: 2; } .late { fill: var(--warn); } .over { fill: var(--bad); }
.funnel { list-style: none; padding: 0; margin: 1rem 0; }
.funnel li { display: grid; grid-template-columns: min(15rem, 27%) minmax(0, 1fr); gap: 0 1.1rem; margin: 0; }
.funnel .shape { width: 100%; height: calc(100% + 1px); min-height: 3.4rem; }
.funnel .said { padding: 0.35rem 0 0.85rem; border-bottom: 1px solid var(--line); } .funnel p { margin: 0.1rem 0; }
.funnel .count { font-size: 1.1rem; }
.loss { width: 100%; height: 0.7rem; margin: 0.3rem 0 0; }
.bar { width: 100%; min-width: 6rem; height: 0.8rem; margin: 0.25rem 0; } .scale { width: 100%; height: 1.6rem; margin: 0.4rem 0 0.2rem; } td .scale { height: 0.8rem; }
.ends { display: flex; justify-content: space-between; gap: 1rem; color: var(--soft); font-size: 0.88rem; }
.swatch { width: 1.6rem; height: 0.8rem; vertical-align: -0.05rem; } .legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; list-style: none; padding: 0; }
.wide { overflow-x: auto; margin: 0.75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.93rem; overflow-wrap: anywhere; }
caption { text-align: left; color: var(--soft); padding: 0 0 0.35rem; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.9rem 0.4rem 0; border-bottom: 1px solid var(--line); min-width: 5rem; }
thead th { overflow-wrap: normal; color: var(--soft); font-weight: 600; border-bottom-width: 2px; } tbody th { font-weight: 600; }
.auditor { border: 1px solid var(--line); border-radius: 8px; padding: 0 1rem 0.6rem; margin: 1rem 0; } .auditor tbody th { width: 34%; } .auditor h3 { margin-top: 0.8rem; font-size: 1.12rem; }
blockquote { margin: 0.75rem 0; padding: 0.1rem 0 0.1rem 0.9rem; border-left: 0.25rem solid var(--line); }
q { font-style: italic; } td, tbody th, dd, blockquote li, .event, .said, .reasons > li { overflow: clip; overflow-clip-margin: 0.25rem; }
.log { list-style: none; padding: 0; margin: 0.75rem 0; }
.log li { display: grid; grid-template-columns: 1.4rem minmax(0, 1fr); gap: 0 0.7rem; margin: 0; }
.log .rail { display: flex; flex-direction: column; align-items: center; } .log .rail::after { content: ""; flex: 1; border-left: 2px solid var(--line); margin: 0.2rem 0; }
.log li:last-child .rail::after { border: 0; } .log .icon { width: 1.35rem; height: 1.35rem; } .log p { margin: 0; } .log .event { padding-bottom: 0.8rem; }
.key { font-weight: 600; } .struck { text-decoration: line-through; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 0.5rem; }
@media (max-width: 40rem) { thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, caption, tbody, tr, td, tbody th { display: block; } td, tbody th, .auditor tbody th { width: auto; border: 0; padding: 0.1rem 0; min-width: 0; }
  tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; } td::before { content: attr(data-label) ": "; color: var(--soft); }
  h1 { font-size: 1.4rem; } .verdict { grid-template-columns: minmax(0, 1fr); } .auditor { padding: 0 0.7rem 0.5rem; } }
@media (prefers-reduced-motion: reduce) { * { scroll-behavior: auto !important; } }
@media (forced-colors: active) { svg { forced-color-adjust: none; } .icon { color: CanvasText; } }
@media print { :root { color-scheme: light; PALETTE } html { font-size: 9.5pt; } body { max-width: none; padding: 0; }
  .skip, nav { display: none; } .wide { overflow: visible; } h2, h3, caption { break-after: avoid; }
  tr, .funnel li, .log li, .verdict, .outside, .facts > div, .reasons > li, pre { break-inside: avoid; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
@page { margin: 15mm; }
""".replace("PALETTE", _variables(PAPER))
