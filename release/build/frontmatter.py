"""The head of the card: YAML from which the Hub takes licence, size, tasks, languages and its gate, and stock readers the data files.

It holds no line but those of docs/SPEC.md section 6.1, which both verifiers check.
Source of the names: the Hub's description of dataset cards and of gated datasets (hub-docs: datasetcard.md, docs/hub/datasets-gated.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from audit_logs.card import configs
from release.build.facts import Facts
from release.markup import yaml_text
from release.plan import HubSpec

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T")
_PROMPT, _FIELDS = "extra_gated_prompt:", "extra_gated_fields:"
_LARGEST_SIZE = "n>1T"
_TAGS = ("croissant", "hash-screened", "vetted-release")
# The licence identifiers of the Hub under which data is usually given; any other text becomes `other` with a name.
_HUB_LICENSES = (
    " afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 "
    "cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 "
    "cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 etalab-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 "
    "gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 mit mpl-2.0 odbl odc-by other pddl unknown unlicense wtfpl zlib "
)


def front_matter(facts: Facts) -> str:
    """Return the head with both its lines `---`; the lines that name the data files come last."""
    lines = [
        *_license(facts.license),
        *gate_lines(facts.hub),
        *_list("language", facts.card.language),
        *_list("size_categories", [_size(facts.rows)]),
        *_list("task_categories", _tasks(facts)),
        *_list("source_datasets", source_datasets(facts)),
        *_list("tags", _TAGS),
        *configs(facts.shards),
    ]
    return "\n".join(["---", *lines, "---", ""])


def source_datasets(facts: Facts) -> tuple[str, ...]:
    """Return the datasets of the Hub that the rows come from: the pinned source first, then those that the plan names."""
    pinned = [facts.source.locator] if facts.source.locator else []
    return tuple(dict.fromkeys([*pinned, *facts.card.source_datasets]))


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {yaml_text(item)}" for item in items]
    if lines:
        yield f"{key}:"
        yield from lines


def _license(text: str) -> Iterator[str]:
    name = text.lower()
    if f" {name} " in _HUB_LICENSES and " " not in name:
        yield f"license: {yaml_text(name)}"
        return
    yield f"license: {yaml_text('other')}"
    yield f"license_name: {yaml_text(re.sub(r'[^a-z0-9.]+', '-', name).strip('-') or 'other')}"


def gate_lines(hub: HubSpec) -> tuple[str, ...]:
    """Return what the Hub shows to, and asks of, who wants to be let in; that it asks at all is a setting of the repository."""
    prompt = () if hub.prompt is None else (f"{_PROMPT} {yaml_text(hub.prompt)}",)
    fields = (f"  {yaml_text(name)}: {yaml_text(kind)}" for name, kind in hub.prompt_fields.items())
    return (*prompt, *((_FIELDS, *fields) if hub.prompt_fields else ()))


def gate_of(card: str) -> tuple[str, ...]:
    """Return the lines of a card that `gate_lines` gave it."""
    lines = card.removeprefix("---\n").partition("\n---\n")[0].split("\n")
    prompt = tuple(line for line in lines if line.startswith(f"{_PROMPT} "))
    fields = lines[lines.index(_FIELDS) + 1 :] if _FIELDS in lines else []
    return (*prompt, *((_FIELDS, *takewhile(lambda line: line.startswith("  "), fields)) if fields else ()))


def _size(rows: int) -> str:
    return next((name for power, name in enumerate(_SIZES, 3) if rows < 10**power), _LARGEST_SIZE)


def _tasks(facts: Facts) -> tuple[str, ...]:
    """Return the plan's tasks, or those that pictures with captions are for."""
    captioned = facts.columns.image and facts.columns.text
    return facts.card.tasks or (("image-to-text", "text-to-image") if captioned else ())
