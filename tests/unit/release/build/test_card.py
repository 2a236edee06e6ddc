"""The dataset card: a header that parses back to what was meant, and text in which nothing foreign becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from audit_logs.manifest import Field
from release.build.card import card
from release.build.facts import Facts
from release.markup import code, words, yaml_text

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
    """What it is, what was removed, by which lists, of which bytes, who audits, how to verify, what it does not prove, then the rest."""
    assert re.findall(r"^## (.*)$", _split(card(facts))[1], re.MULTILINE) == [
        "What was removed",
        "Lists of known material",
        "Which fingerprints, of which bytes",
        "The audit that the policy requires",
        "How to verify",
        "What this does not prove",
        "Child safety",
        "How to report a problem",
        "Withdrawal",
    ]


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


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_structure(facts: Facts, text: str) -> None:
    """A licence, an authority, a column or a parameter from outside adds no heading, cell, link, HTML or header member."""
    first = facts.steps[0]
    used = replace(first.lists[0], authority=text, entries={text or "md5": 1})
    bent = replace(
        facts,
        license=text,
        schema=(*facts.schema, Field(text or "x", "string")),
        steps=(replace(first, lists=(used,), parameters={"terms": [text]}), *facts.steps[1:]),
    )
    header, body = _split(card(bent))
    calm_header, calm = _split(card(facts))
    assert header.keys() - {"license_name"} == calm_header.keys()
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
