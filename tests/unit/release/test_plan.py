"""Plans: everything wrong is told at once, with its place; what is right has one canonical form."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from audit_logs import canonical
from release.cardplan import CardSpec, gaps
from release.errors import PlanError
from release.plan import Limits, Plan, load
from release.steps import kinds

GOOD = """\
[release]
name = "example/street-scenes"
version = "1.0.0"
license = "cc-by-4.0"

[source]
path = "source"
columns = { image = "image", text = "caption", url = "url", declared = { md5 = "hash" } }

[[step]]
name = "known-files"
kind = "exact-hash"
lists = ["known-digests"]

[[step]]
name = "near-copies"
kind = "near-hash"
lists = ["known-pdq"]
"""


def read(folder: Path, text: str) -> Plan:
    """Return the plan that a text is."""
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, kinds())


def faults(folder: Path, text: str) -> list[str]:
    """Return the faults of a text, each as its line."""
    with pytest.raises(PlanError) as caught:
        read(folder, text)
    return [str(fault) for fault in caught.value.faults]


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    """A plan that says little has the defaults that the documentation names."""
    plan = read(tmp_path, GOOD)
    assert (plan.source.parent, plan.source.format, plan.lists.max_age_days) == ("public", "auto", 90)
    assert (plan.build.row_group_rows, plan.build.shard_rows, plan.build.limits) == (128, 4096, Limits())
    assert plan.keys.log == tmp_path / "keys" / "log.pem"
    assert plan.lists.store == tmp_path / "lists"
    defaults = {"forms": "all", "quality": 50, "low_quality": "unscreenable"}
    assert plan.steps[1].parameters.canonical() == {"distance": 31, "conventions": ["full", "nearest-512", "thumbnail-512"], **defaults}
    assert plan.columns.declared == {"md5": "hash"}


def test_the_digest_is_of_the_plan_and_not_of_the_machine(tmp_path: Path) -> None:
    """Folder, key paths, comments and spelled-out defaults do not change the digest; a parameter does."""
    (tmp_path / "elsewhere").mkdir()
    plan = read(tmp_path, GOOD)
    same = read(tmp_path / "elsewhere", GOOD + 'distance = 31 # said\n[keys]\ninstitution = "other.pem"\n[lists]\nmax_age = "90d"\n')
    assert plan.digest == same.digest
    assert plan.digest != read(tmp_path, GOOD + "distance = 30\n").digest
    assert str(tmp_path).encode() not in canonical.encode(plan.canonical())


def test_limits_enter_the_digest(tmp_path: Path) -> None:
    """Limits decide which rows are unscreenable, so they are part of what is attested."""
    assert read(tmp_path, GOOD).digest != read(tmp_path, GOOD + "[limits]\nframes = 1\n").digest


def test_a_plan_travels_to_workers(tmp_path: Path) -> None:
    """A plan survives pickling unchanged."""
    plan = read(tmp_path, GOOD)
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301  (our own bytes)


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """One reading reports each fault of each section, with line, expectation and finding."""
    text = GOOD.replace('"1.0.0"', '"1.0"').replace('license = "cc-by-4.0"\n', "") + "distance = 65\n[build]\nrow_group_rows = 100\n"
    assert faults(tmp_path, text) == [
        "release.version (line 3): expected a version MAJOR.MINOR.PATCH, found '1.0'",
        "release.license (line 1): expected text that is not empty, found nothing",
        "step[2].distance (line 18): expected a whole number from 0 to 64, found 65",
        "build.row_group_rows (line 20): expected a power of two, found 100",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("version =", "verzion ="), "an unknown key (did you mean 'version'?)"),
        (("near-copies", "known-files"), "'known-files', which an earlier step has"),
        (('"near-hash"', '"nearhash"'), "(did you mean 'near-hash'?)"),
        (('url = "url"', 'url = "image"'), "'image', which is image already"),
        (('md5 = "hash"', 'md5 = "caption"'), "'caption', which is text already"),
        (('md5 = "hash"', 'md6 = "hash"'), "source.columns.declared.md6"),
        (('lists = ["known-pdq"]', "lists = []"), "an empty list"),
        (('lists = ["known-pdq"]', ""), "step[2].lists"),
        (('lists = ["known-pdq"]', 'lists = ["a", "a"]'), "'a' twice"),
        (('lists = ["known-pdq"]', 'lists = ["../x"]'), "a name of lower-case letters"),
        (('path = "source"', ""), "source.path"),
        (('path = "source"', 'path = "source"\nhub = "a/b"'), "found both"),
        (('path = "source"', 'path = "source"\nrevision = "main"'), "no revision where there is no hub"),
        (('path = "source"', 'path = "source"\nformat = "webdataset"'), "one of auto, parquet, imagefolder"),
        (('path = "source"', 'path = "a\\u0000b"'), "text that is not empty"),
        (("[release]", "[lists]\nmax_age = 90\n[release]"), "a number of days"),
        (("[release]", "[audit]\nrequired = true\n[release]"), "a whole number from 1 to 100, found true"),
        (("[release]", "[limits]\nmemory = 1\n[release]"), "a whole number from 67108864"),
        (("[release]", "[limits]\nbytes = 100\n[release]"), "a whole number from 65865"),
        (("[release]", "[limits]\npixels = 100\n[release]"), "a whole number from 65536"),
        (("[release]", "step = 3\n[release]"), ""),
    ],
)
def test_each_fault_is_one_clear_line(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """Whatever is wrong with a plan is refused in a line that names it."""
    found = faults(tmp_path, GOOD.replace(*change, 1) if change[0] != "version =" else GOOD.replace(*change))
    assert told in "\n".join(found)
    assert all("\n" not in line for line in found)


def test_a_plan_without_steps_is_refused(tmp_path: Path) -> None:
    """A plan has at least one step."""
    assert "step: expected one table [[step]] or more, found none" in faults(tmp_path, GOOD.partition("[[step]]")[0])


def test_a_step_may_not_have_the_keys_of_another_kind(tmp_path: Path) -> None:
    """A distance for exact matching is a misunderstanding and is told."""
    assert "step[1].distance" in faults(tmp_path, GOOD.replace('"exact-hash"', '"exact-hash"\ndistance = 3'))[0]


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    """A missing file, other bytes, no TOML and a huge file each end in one sentence."""
    with pytest.raises(PlanError, match="No such file"):
        load(tmp_path / "absent.toml", kinds())
    path = tmp_path / "plan.toml"
    for data, told in ((b"a = 1\n\xff", "line 2"), (b"= 3", "TOML"), (b"#" * (1 << 21), "at most")):
        path.write_bytes(data)
        with pytest.raises(PlanError, match=told):
            load(path, kinds())


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Editors that write one are in use."""
    assert read(tmp_path, "\ufeff" + GOOD).name == "example/street-scenes"


def test_the_documentation_names_every_key(tmp_path: Path) -> None:
    """docs/plan.md has a row for each key that the reader knows, and no other."""
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", (Path(__file__).parents[3] / "docs" / "plan.md").read_text(), re.MULTILINE))
    unknown = "zzz = 1\n"
    text = GOOD.replace('declared = { md5 = "hash" }', 'zzz = 1, declared = { zzz = "hash" }')
    for header in ("[release]\n", "[source]\n", "[[step]]\n"):
        text = text.replace(header, header + unknown)
    text += "[[step]]\nname = 'u'\nkind = 'url'\nlists = ['u']\n" + unknown
    text += "".join(f"[{name}]\n{unknown}" for name in ("lists", "keys", "audit", "build", "limits", "hub", "card"))
    known: set[str] = set()
    for fault in faults(tmp_path, text):
        if found := re.match(r"(.*)\.zzz.*a key that plans have: (.*), found an unknown key", fault):
            place = re.sub(r"\[[0-9]+\]", "", found[1])
            known |= {f"{place}.{key}" for key in found[2].split(", ")}
    known -= {"source.columns", "source.columns.declared"}
    known = {key for key in known if not key.startswith("step.")}  # the kinds' own keys stand in docs/steps.md
    assert known | {f"step.{key}" for key in ("name", "kind", "lists", "cap", "list_caps")} == documented


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("cap = -1", "step[1].cap"),
        ("cap = true", "step[1].cap"),
        ("list_caps = { other = 1 }", "one of the step's lists"),
        ("list_caps = { known-digests = 0.5 }", "step[1].list_caps.known-digests"),
    ],
)
def test_caps_are_whole_numbers_for_the_steps_own_lists(tmp_path: Path, line: str, told: str) -> None:
    """A cap that nothing could ever reach, for want of the list, is a fault."""
    assert any(told in fault for fault in faults(tmp_path, GOOD.replace('lists = ["known-digests"]', f'lists = ["known-digests"]\n{line}')))


def test_caps_are_part_of_the_plans_digest(tmp_path: Path) -> None:
    """Who raises a cap has another plan."""
    plain = read(tmp_path, GOOD)
    capped = read(
        tmp_path, GOOD.replace('lists = ["known-digests"]', 'lists = ["known-digests"]\ncap = 5\nlist_caps = { known-digests = 3 }')
    )
    assert capped.digest != plain.digest
    step = capped.steps[0].canonical()
    assert (step["cap"], step["listCaps"]) == (5, {"known-digests": 3})


@pytest.mark.parametrize("text", ["a=" + "[" * 5000, "a=" + "9" * 5000, "a=[" + "{b=" * 5000])
def test_a_plan_that_exhausts_the_parser_is_one_sentence(tmp_path: Path, text: str) -> None:
    """Lists thousands deep and numbers of thousands of digits are faults of the file."""
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match="the file"):
        load(path, {})


def test_a_plan_of_links_has_the_usual_columns_and_larger_shards(tmp_path: Path) -> None:
    """Tables of links have used the names URL and TEXT since the first of them; a plan may name others, and no images."""
    head = GOOD[: GOOD.index("[source]")]
    step = '[[step]]\nname = "l"\nkind = "url"\nlists = ["l"]\n'
    plan = read(tmp_path, head + '[source]\npath = "s"\nformat = "links"\ncolumns = { declared = { md5 = "md5" } }\n' + step)
    assert (plan.columns.url, plan.columns.text, plan.columns.image) == ("URL", "TEXT", None)
    assert (plan.build.row_group_rows, plan.build.shard_rows) == (8192, 262_144)
    named = read(tmp_path, head + '[source]\npath = "s"\nformat = "links"\ncolumns = { url = "href" }\n' + step)
    assert (named.columns.url, named.columns.text) == ("href", "TEXT")
    found = faults(tmp_path, head + '[source]\npath = "s"\nformat = "links"\ncolumns = { image = "image" }\n' + step)
    assert any("no images in a source of format links" in fault for fault in found)


def test_what_readers_are_asked_on_the_hub_is_no_part_of_the_digest(tmp_path: Path) -> None:
    """`[hub]` says who may fetch; nobody is asked unless it says so, and what is screened stays the same plan."""
    asked = '[hub]\ngated = "manual"\nprompt = "Say who you are."\nprompt_fields = { "Your organisation" = "text" }\n'
    plan, plain = read(tmp_path, GOOD + asked), read(tmp_path, GOOD)
    assert (plan.hub.gated, plan.hub.prompt, plan.hub.prompt_fields) == ("manual", "Say who you are.", {"Your organisation": "text"})
    assert (plain.hub.gated, plain.hub.prompt, plain.hub.prompt_fields) == ("no", None, {})
    assert plan.digest == plain.digest


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gated = true", "hub.gated"),
        ('gated = "yes"', "hub.gated"),
        ('prompt = "Say who you are."', "hub.prompt"),
        ('prompt_fields = { who = "text" }', "hub.prompt_fields"),
        ('gated = "auto"\nprompt_fields = { who = "colour" }', "hub.prompt_fields.who"),
        (f'gated = "auto"\nprompt_fields = {{ "{"x" * 101}" = "text" }}', "hub.prompt_fields"),
        ('gated = "auto"\nprompt_fields = "who"', "hub.prompt_fields"),
        ('gated = "auto"\nprompt_fields = { "" = "text" }', "hub.prompt_fields"),
        ('gated = "auto"\nfields = 1', "hub.fields"),
    ],
)
def test_a_prompt_that_nobody_would_see_is_a_fault(tmp_path: Path, line: str, told: str) -> None:
    """A mistyped gate, field or kind of field never becomes an open door."""
    assert any(fault.startswith(told) for fault in faults(tmp_path, f"{GOOD}[hub]\n{line}\n"))


def test_what_only_the_card_tells_is_no_part_of_the_digest(tmp_path: Path) -> None:
    """Whom to write to can change without another plan; what is left out is None or empty."""
    said = (
        '[card]\ntasks = ["text-to-image"]\nlanguage = ["en", "mul"]\nsource_datasets = ["example/parent"]\n'
        'contact = "data@example.org"\nwithdrawal = "Within a week."\n'
    )
    plan, plain = read(tmp_path, GOOD + said), read(tmp_path, GOOD)
    assert plan.card == CardSpec(("text-to-image",), ("en", "mul"), ("example/parent",), "data@example.org", "Within a week.")
    assert plain.card == CardSpec()
    assert plan.digest == plain.digest


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            'tasks = ["text-to-pictures"]',
            "expected a task of the Hub such as text-to-image, found 'text-to-pictures'",
        ),
        ('tasks = ["text-to-imag"]', "did you mean 'text-to-image'?"),
        ('tasks = "text-to-image"', "expected a list of a task of the Hub"),
        ('language = ["English"]', "a language as ISO 639 writes it, such as en"),
        ('language = ["en", "en"]', "every entry once"),
        ('source_datasets = ["https://example.org/a/b"]', "a dataset of the Hub, owner/name"),
        ("source_datasets = []", "at least one"),
        ('contact = ""', "an address in one line"),
        ('contact = "a\\nb"', "an address in one line"),
        ("withdrawal = 7", "expected one line of at most 2,000 characters, found 7"),
        ('contacts = "x"', "an unknown key (did you mean 'contact'?)"),
    ],
)
def test_a_card_that_would_mislead_is_a_fault(tmp_path: Path, line: str, told: str) -> None:
    """The Hub silently ignores names that it does not know, and readers would miss what a mistyped key said."""
    assert any(told in fault for fault in faults(tmp_path, f"{GOOD}[card]\n{line}\n"))


def test_the_gaps_of_a_card_are_told(tmp_path: Path) -> None:
    """A plan without contact, policy or language is told what the card will say instead; the language only where there are texts."""
    assert [gap.partition(":")[0] for gap in gaps(read(tmp_path, GOOD).card, "caption")] == [
        "card.contact",
        "card.withdrawal",
        "card.language",
    ]
    assert gaps(CardSpec(contact="a", withdrawal="b"), None) == ()


def test_row_groups_that_the_build_settles_are_no_part_of_the_digest(tmp_path: Path) -> None:
    """A plan without `row_group_rows` has one digest whatever its source turns out to need; one that names them keeps them."""
    plan, named = read(tmp_path, GOOD), read(tmp_path, GOOD + "[build]\nrow_group_rows = 128\n")
    settled = plan.settled(512)
    assert (settled.build.row_group_rows, settled.digest, plan.canonical()["rowGroupRows"]) == (512, plan.digest, None)
    assert (named.settled(512), named.canonical()["rowGroupRows"]) == (named, 128)
    assert plan.digest != named.digest
