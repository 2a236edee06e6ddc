"""The dataset card: a header that parses back to what was meant, and text in which nothing foreign becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from audit_logs.card import check_card
from audit_logs.errors import Failure
from audit_logs.manifest import Field, Manifest
from release.build.card import card
from release.build.facts import Facts
from release.build.frontmatter import gate_lines, gate_of
from release.cardplan import CardSpec
from release.markup import code, words, yaml_text
from release.plan import HubSpec
from release.steps import kinds

HOSTILE = [
    "x | y | z",
    "`rm -rf`",
    "first\n\n# a heading\n---\nlicense: mit",
    "<script>alert(1)</script>",
    "[list](https://example.org/list)",
    "https://example.org/list www.example.org a@example.org",
    "\u202egnp.exe\u2066\u0000\u2028",
    '": x\n- y: "\\',
    "!!python/object:os.system *a &b",
    "",
]


def _split(data: bytes) -> tuple[Any, str]:
    _, header, body = data.decode().split("---\n", 2)
    return yaml.safe_load(header), body


def _refused(facts: Facts) -> list[Failure]:
    """Return what a verifier has against the head of a card."""
    return list(check_card(cast("Manifest", SimpleNamespace(shards=facts.shards)), card(facts)))


def _said(facts: Facts, **said: Any) -> Facts:
    """Return facts with a plan that says more for the card."""
    return replace(facts, card=replace(facts.card, **said))


def _section(facts: Facts, title: str) -> str:
    """Return the text of a section."""
    return _split(card(facts))[1].partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_header_parses_back_to_what_was_meant(facts: Facts) -> None:
    """The Hub and `datasets` read licence, size, tasks and the files of each split from the header."""
    header, _ = _split(card(facts))
    assert header == {
        "license": "cc-by-4.0",
        "size_categories": ["n<1K"],
        "task_categories": ["image-to-text", "text-to-image"],
        "tags": ["croissant", "hash-screened", "vetted-release"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "data/train-*-of-00002.parquet"},
                    {"split": "test", "path": "data/test-*-of-00001.parquet"},
                ],
            }
        ],
    }


def test_a_split_name_that_yaml_reads_as_something_else_stays_text(facts: Facts) -> None:
    """`no`, `1e3` and `null` are legal split names, and none of them text in YAML unless quoted."""
    shards = tuple(replace(facts.shards[2], split=name, path=f"data/{name}-00000-of-00001.parquet") for name in ("no", "1e3", "null"))
    header, _ = _split(card(replace(facts, shards=shards)))
    assert [item["split"] for item in header["configs"][0]["data_files"]] == ["no", "1e3", "null"]


def test_same_facts_give_same_bytes(facts: Facts) -> None:
    """The card is hashed into the manifest."""
    assert card(facts) == card(facts)
    assert card(facts).endswith(b"\n")


def test_sections_stand_in_the_order_that_a_reader_needs(facts: Facts) -> None:
    """What it is, what was removed, by which lists, who audits, how to verify, what it does not prove, then the rest."""
    assert re.findall(r"^## (.*)$", _split(card(facts))[1], re.MULTILINE) == [
        "What was removed",
        "Lists of known material",
        "The audit that the policy requires",
        "How to verify",
        "What this does not prove",
        "Child safety",
        "How to report a problem",
        "Withdrawal policy",
    ]


def test_what_it_is_takes_three_sentences(facts: Facts) -> None:
    """Source, rows left, and that nobody has to believe it; counts, licence and columns come after."""
    _, body = _split(card(facts))
    first = body.strip().split("\n\n")[1]
    assert len(re.findall(r"[.](?: |$)", first)) == 3
    assert "Of 160 source rows, 150 are left after 2 filtering steps" in first


def test_counts_are_given_for_each_step_and_for_the_whole(facts: Facts) -> None:
    """Rows in, removed, unscreenable and left must add up before a reader's eyes."""
    _, body = _split(card(facts))
    assert "| 1. known-files | exact-hash | 160 | 4 | 1 | 155 |" in body
    assert "| 2. near-copies | near-hash | 155 | 2 | 3 | 150 |" in body
    assert "| **whole** |  | **160** | **6** | **4** | **150** |" in body


def test_verifying_is_one_command_and_the_trust_file_comes_from_elsewhere(facts: Facts) -> None:
    """A reader who takes the trust file from the folder has verified nothing."""
    _, body = _split(card(facts))
    assert "release verify DIR --trust trust.json" in body
    assert "python -m audit_logs verify DIR --trust trust.json" in body
    assert "must not come from this folder" in body


def test_engaged_auditors_and_the_policy_are_named(facts: Facts) -> None:
    """The numbers k of n, and who the n are; nothing of what they will say."""
    _, body = _split(card(facts))
    assert "At least 2 of 2 engaged organisations" in body
    assert "`auditor-one.example`, `auditor-two.example`" in body
    assert "30 days" in body


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_what_a_step_compares_is_one_sentence(facts: Facts, kind: str) -> None:
    """Every kind has its words, which fit between what stands before and after them."""
    told = _section(replace(facts, steps=(replace(facts.steps[0], kind=kind),)), "What was removed")
    (sentence,) = re.findall(r"^1\. known-files compares (.*)$", told, re.MULTILINE)
    assert not re.search(r",,|  |\bby the rules of kind", sentence)
    assert sentence.endswith("over the bytes as they are stored in this release.")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_structure(facts: Facts, text: str) -> None:
    """A licence, an authority, a column or a parameter from outside adds no heading, cell, link, HTML or header member."""
    first = facts.steps[0]
    used = replace(first.lists[0], authority=text, entries={text or "md5": 1})
    bent = replace(
        facts,
        license=text,
        schema=(*facts.schema, Field(text or "x", "string")),
        steps=(replace(first, lists=(used,), parameters={"terms": [text]}, override=text or "x"), *facts.steps[1:]),
        card=CardSpec(contact=text or "x", withdrawal=text or "x", language=(text,), source_datasets=(text,), tasks=(text,)),
        hub=HubSpec("auto", text, {text: text}),
    )
    plain = replace(
        facts,
        steps=(replace(first, override="x"), *facts.steps[1:]),
        card=CardSpec(contact="x", withdrawal="x", language=("en",), source_datasets=("example/parent",), tasks=("other",)),
        hub=HubSpec("auto", "x", {"x": "text"}),
    )
    header, body = _split(card(bent))
    calm_header, calm = _split(card(plain))
    assert not _refused(bent)
    assert header.keys() - {"license_name"} == calm_header.keys()
    assert (header["extra_gated_prompt"], header["extra_gated_fields"], header["language"]) == (text, {text: text}, [text])
    assert header["configs"] == calm_header["configs"]
    assert header["license"] == "other"
    outside = re.sub(r"`[^`\n]*`", "", body.replace("```sh", "").replace("```", ""))
    assert len(body.splitlines()) == len(calm.splitlines())
    assert [line.count("|") for line in body.splitlines()] == [line.count("|") for line in calm.splitlines()]
    assert not re.search(r"[<>\[\]@]|https?:|www\.", outside)
    assert "\u202e" not in body


def test_an_unknown_licence_is_other_with_a_name(facts: Facts) -> None:
    """The Hub refuses a licence that it does not know."""
    header, body = _split(card(replace(facts, license="Custom Terms, 2026")))
    assert (header["license"], header["license_name"]) == ("other", "custom-terms-2026")
    assert "Licence: Custom Terms, 2026." in body


def test_a_hub_source_is_named_at_its_commit(facts: Facts) -> None:
    """A branch name would say nothing; repository and commit do."""
    hub = replace(facts, source=replace(facts.source, kind="hub", locator="org/parent", revision="c0" * 20))
    header, body = _split(card(hub))
    assert header["source_datasets"] == ["org/parent"]
    assert f"`org/parent` at commit `{'c0' * 20}`" in body


@given(st.text())
def test_any_text_survives_yaml(text: str) -> None:
    """A quoted scalar parses back to exactly the text."""
    assert yaml.safe_load(yaml_text(text)) == text


@given(st.text())
def test_any_text_is_plain_words_or_one_code_span(text: str) -> None:
    """Nothing foreign ends its own code span, its line or its cell."""
    assert re.fullmatch(r"`[^`|\n\r]+`", code(text))
    assert re.fullmatch(r"`[^`|\n\r]+`|[\w ,'()-]+", words(text))


def test_the_card_tells_what_weakens_the_screening(facts: Facts) -> None:
    """Rows kept at low quality, an override with its reason, a list of which only a part was read, rows with one signal that stayed."""
    steps = (
        replace(facts.steps[0], override="the *source* doubled"),
        replace(facts.steps[1], kept_low_quality=17, lists=tuple(replace(used, partial=True) for used in facts.steps[1].lists)),
    )
    _, body = _split(card(replace(facts, steps=steps, separation="adults")))
    assert "| 2. near-copies | near-hash | 155 | 2 | 3 | 150 | 17 |" in body
    assert "went on for this reason: `the *source* doubled`" in body
    assert body.count("only a part of the list: its file was broken") == 1
    assert "rows with both signals, and those with the signal of a minor alone, were removed" in body


def test_the_card_of_a_release_without_weakness_names_none(facts: Facts) -> None:
    """Zeros are said, and nothing that did not happen."""
    _, body = _split(card(facts))
    assert "| 2. near-copies | near-hash | 155 | 2 | 3 | 150 | 0 |" in body
    assert not any(text in body for text in ("went on for this reason", "only a part", "Separation of"))


def test_the_hubs_own_reader_takes_every_member_of_the_head(facts: Facts) -> None:
    """`huggingface_hub.DatasetCard` gives back licence, size, tasks, languages, sources, configurations and the gate as they were meant."""
    full = replace(
        _said(facts, tasks=("image-classification",), language=("en", "cy"), source_datasets=("example/older", "org/parent")),
        source=replace(facts.source, kind="hub", locator="org/parent", revision="c0" * 20),
        hub=HubSpec("manual", 'You agree: never to "undo" it.\nSay why.', {"Organisation": "text", "I agree to the terms": "checkbox"}),
    )
    read = DatasetCard(card(full).decode()).data.to_dict()
    configs = read.pop("configs")
    assert read == {
        "license": "cc-by-4.0",
        "extra_gated_prompt": 'You agree: never to "undo" it.\nSay why.',
        "extra_gated_fields": {"Organisation": "text", "I agree to the terms": "checkbox"},
        "language": ["en", "cy"],
        "size_categories": ["n<1K"],
        "task_categories": ["image-classification"],
        "source_datasets": ["org/parent", "example/older"],
        "tags": ["croissant", "hash-screened", "vetted-release"],
    }
    assert [entry["config_name"] for entry in configs] == ["default"]
    assert not _refused(full)


@pytest.mark.parametrize(
    ("rows", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**12 - 1, "100B<n<1T"), (10**12, "n>1T")]
)
def test_the_size_is_counted_and_not_said(facts: Facts, rows: int, size: str) -> None:
    """The Hub's classes of size, by the rows that the manifest has."""
    assert _split(card(replace(facts, rows=rows)))[0]["size_categories"] == [size]


def test_lists_stand_by_authority_and_vintage(facts: Facts) -> None:
    """A reader asks first whose list, then how old; the list's own name and the step come after."""
    first, second = facts.steps
    older = replace(second.lists[0], vintage="2025-06-30", name="older")
    bent = replace(facts, steps=(first, replace(second, lists=(second.lists[0], older))))
    rows = [
        line.split(" | ")[:2] + line.split(" | ")[3:4] for line in _section(bent, "Lists of known material").splitlines() if "| 20" in line
    ]
    assert rows == [
        ["| Example Foundation", "2026-01-31", "known-digests"],
        ["| `example.org`", "2025-06-30", "older"],
        ["| `example.org`", "2026-01-31", "known-pdq"],
    ]


def test_contact_and_policy_are_the_publishers_or_plainly_absent(facts: Facts) -> None:
    """A card never makes up an address or a promise."""
    assert "The publisher named no contact for this release" in _section(facts, "How to report a problem")
    assert "The publisher stated no policy on when it withdraws a version." in _section(facts, "Withdrawal policy")
    assert "Language of the texts: not stated." in _split(card(facts))[1]
    said = _said(facts, contact="data@example.org", withdrawal="Within a week of a confirmed report.", language=("en",))
    assert "Contact: `data@example.org`." in _section(said, "How to report a problem")
    assert "In the publisher's words: `Within a week of a confirmed report.`" in _section(said, "Withdrawal policy")
    assert "Language of the texts: `en`." in _split(card(said))[1]


def test_child_safety_tells_facts_of_the_evidence_only(facts: Facts) -> None:
    """The lists, what their steps removed, what no step did; nothing of what may have been reported or confirmed."""
    told = _section(facts, "Child safety")
    assert "Steps known-files, near-copies compared rows with 2 lists of Example Foundation, `example.org` and removed 6 rows." in told
    assert "not material that anyone confirmed" in told
    assert "No step took rows by the score of a classifier." in told
    assert "No step separated depictions of minors from adult sexual content." in told
    assert "Whether anything was reported is no part of this release's evidence" in told
    assert "before 2 of 2 engaged organisations passed it, 1 with the sealed evidence" in told
    assert "The newest list is of 2026-01-31" in told


def test_child_safety_without_lists_claims_no_match(facts: Facts) -> None:
    """A release that was screened by a score alone says that no list was used."""
    scored = replace(facts.steps[0], kind="classifier", lists=(), name="adult")
    told = _section(replace(facts, steps=(scored,), separation="minors"), "Child safety")
    assert "No step compared rows with a list of known material. Step adult took rows by a score." in told
    assert "There is no evidence of a match, as no list was used." in told
    assert "were separated by scores" in told
    assert "newest list" not in told


def test_child_safety_does_not_deny_the_lists_of_a_holder(facts: Facts) -> None:
    """Where another institution's lists were the only ones, they were used all the same, on its word."""
    asked = replace(facts.steps[0], kind="remote", lists=(), name="elsewhere", removed=1)
    told = _section(replace(facts, steps=(asked,)), "Child safety")
    assert "Step elsewhere removed 1 row on the signed word of a list holder; nobody else can check those lists." in told
    assert "No step compared" not in told
    assert "no list was used" not in told
    both = _section(replace(facts, steps=(*facts.steps, asked)), "Child safety")
    assert "2 lists of Example Foundation" in both
    assert "Step elsewhere removed 1 row" in both


def test_the_card_says_nothing_that_is_known_only_after_the_audit(facts: Facts) -> None:
    """No verdict, no opinion, no date of publication; it says where those stand."""
    _, body = _split(card(facts))
    assert not re.search(r"\b(PASSED|FAILED|confirmed by|was audited|published on|cosigned by)\b", body)
    assert "This card was written before any of them spoke." in body


@given(prompt=st.text(), fields=st.dictionaries(st.text(max_size=100), st.text(), max_size=3))
def test_any_gate_is_read_back_and_passes_the_verifier(facts: Facts, prompt: str, fields: dict[str, str]) -> None:
    """Whatever a plan asks, the head stays of the form that both verifiers check, and gives the text back."""
    asked = replace(facts, hub=HubSpec("auto", prompt, fields))
    assert not _refused(asked)
    header, _ = _split(card(asked))
    assert (header["extra_gated_prompt"], header.get("extra_gated_fields", {})) == (prompt, fields)
    assert gate_of(card(asked).decode()) == gate_lines(asked.hub)
    assert gate_of(card(facts).decode()) == gate_lines(facts.hub)
