"""What is to be done: a TOML file read into frozen values, whole or not at all, with one canonical form and its digest.

A plan knows no single step. Kinds of steps are handed in; each reads its own keys of a `[[step]]` table and gives typed
parameters. Reading opens neither source nor lists. Every key is described in docs/plan.md; the digest in SPEC.md section 16.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from audit_logs import canonical
from release import cardplan
from release.cardplan import CardSpec
from release.errors import Fault, PlanError
from release.sections import ANY_TEXT, Pattern, Range, Section, line_numbers, nearest, shown, with_line

LINKS = "links"
FORMATS = ("auto", "parquet", "imagefolder", LINKS)
LINK_COLUMNS = {"url": "URL", "text": "TEXT"}  # the names that tables of links and captions have used since LAION-400M
GROUP_ROWS, SHARD_ROWS = 128, 4096
LINK_GROUP_ROWS, LINK_SHARD_ROWS = 8192, 262_144  # rows without images are small
PARENTS = ("public", "private")
GATES = ("no", "auto", "manual")
PROMPT_FIELDS = ("text", "checkbox", "country", "date_picker")
MOST_PROMPT_FIELDS = 20
_LONGEST_FIELD = 100  # YAML takes no key above 1,024 characters, and writes some as ten
DECLARED_TYPES = ("md5", "photodna", "sha1", "sha256")
LARGEST_PLAN = 1 << 20
MOST_REMOVED = Range(0, (1 << 53) - 1)
SELF_TEST_PIXELS, SELF_TEST_BYTES = 65_536, 65_865  # below this the self-test's own picture could not pass

_OWNER = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_NUMBER = "(0|[1-9][0-9]{0,8})"
NAME = Pattern(f"{_OWNER}/{_OWNER}", "a name owner/name")
VERSION = Pattern(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}", "a version MAJOR.MINOR.PATCH")
LABEL = Pattern("[a-z0-9][a-z0-9-]{0,62}", "a name of lower-case letters, digits and hyphens")
SPLIT = Pattern("[A-Za-z0-9_]{1,64}", "a split of letters, digits and underscores")
AGE = Pattern("([1-9][0-9]{0,4}d)|none", 'a number of days such as "90d", or "none"')


class StepParameters(Protocol):
    """What a step is told beyond its name and lists; frozen and picklable."""

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values, defaults filled in; fractions as decimal text."""


class StepKind(Protocol):
    """A kind of step, as far as a plan needs to know it.

    Attributes:
        kind: its name in a plan.
        needs_lists: the list types that it can use; a kind without any takes no `lists`.
    """

    @property
    def kind(self) -> str:
        """The kind's name in a plan."""

    @property
    def needs_lists(self) -> frozenset[str]:
        """The list types that it can use."""

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> StepParameters:
        """Return the parameters in `table`: a step's table without `name`, `kind` and `lists`. Faults are added, never raised."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where rows come from: a path (which may be a glob) or a Hub repository.

    Attributes:
        path: file, folder or glob, absolute; None for a Hub source.
        hub: `owner/name` of a dataset on the Hub, or None.
        revision: commit, tag or branch on the Hub, or None for the default branch.
        format: one of `FORMATS`.
        parent: `public` if others hold the source, else `private`.
        split: the split of rows that no file or folder name gives one, or None for the source's own default.
    """

    path: Path | None
    hub: str | None
    revision: str | None
    format: str
    parent: str
    split: str | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column plays which role; `declared` names the column of a hash or PhotoDNA value that came with the source, by type."""

    image: str | None
    text: str | None
    url: str | None
    declared: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListsSpec:
    """The list store, and the largest age of a list in days (None: any)."""

    store: Path
    max_age_days: int | None


@dataclass(frozen=True, slots=True)
class Caps:
    """How many rows a step may remove at most, in all (None: any number) and because of single lists, by name."""

    step: int | None = None
    lists: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step: its name, kind, lists by name, parameters, and caps; `folder` is the plan's, where files that it names lie."""

    name: str
    kind: str
    lists: tuple[str, ...]
    parameters: StepParameters
    caps: Caps = field(default_factory=Caps)
    folder: Path = field(default_factory=Path)

    def canonical(self) -> dict[str, object]:
        """Return the step as JSON values."""
        caps = {"cap": self.caps.step, "listCaps": dict(self.caps.lists)}
        return {"name": self.name, "kind": self.kind, "lists": list(self.lists), **caps, "parameters": self.parameters.canonical()}


@dataclass(frozen=True, slots=True)
class KeysSpec:
    """The files of the institution's signing key, of the log's key, and of the private memory of the dataset line."""

    institution: Path
    log: Path
    line: Path


@dataclass(frozen=True, slots=True)
class AuditSpec:
    """How many organisations must have audited a release, and the institution's trust file."""

    required: int
    trust: Path


@dataclass(frozen=True, slots=True)
class HubSpec:
    """How readers come to the release on the Hub: no matter of what is screened, and so no part of the canonical form.

    Attributes:
        gated: one of `GATES`: nobody has to ask, who asks may fetch, or somebody lets each reader in by hand.
        prompt: what who asks is shown, or None for the Hub's own words.
        prompt_fields: what who asks has to tell: the words of a field -> one of `PROMPT_FIELDS`.
    """

    gated: str = "no"
    prompt: str | None = None
    prompt_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost; a row beyond a limit is unscreenable.

    Attributes:
        pixels: pixels of one frame, by its header.
        frames: frames that are hashed.
        bytes: stored bytes.
        seconds: wall-clock time of decoding and hashing.
        memory: bytes of address space beyond what the decoder itself takes.
    """

    pixels: int = 100_000_000
    frames: int = 64
    bytes: int = 64 << 20
    seconds: int = 20
    memory: int = 768 << 20


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """How the data files are cut, and what one picture may cost; `by_size`: the plan names no `row_group_rows`, so the build settles them."""

    row_group_rows: int
    shard_rows: int
    limits: Limits
    by_size: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. Paths are absolute; `folder` is the plan file's."""

    path: Path
    folder: Path
    name: str
    version: str
    license: str
    source: SourceSpec
    columns: Columns
    lists: ListsSpec
    steps: tuple[StepPlan, ...]
    keys: KeysSpec
    audit: AuditSpec
    build: BuildSpec
    hub: HubSpec = field(default_factory=HubSpec)
    card: CardSpec = field(default_factory=CardSpec)

    def canonical(self) -> dict[str, object]:
        """Return the plan as JSON values with defaults filled in, without paths, keys and time (SPEC.md section 16)."""
        source = {name: getattr(self.source, name) for name in ("hub", "revision", "format", "parent", "split")}
        columns = {name: getattr(self.columns, name) for name in ("image", "text", "url")}
        return {
            "release": {"name": self.name, "version": self.version, "license": self.license},
            "source": source,
            "columns": columns | {"declared": dict(self.columns.declared)},
            "rowGroupRows": None if self.build.by_size else self.build.row_group_rows,
            "shardRows": self.build.shard_rows,
            "limits": asdict(self.build.limits),
            "steps": [step.canonical() for step in self.steps],
            "lists": {"maxAgeDays": self.lists.max_age_days},
            "auditors": self.audit.required,
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical form, in hex."""
        return sha256(canonical.encode(self.canonical())).hexdigest()

    def settled(self, row_group_rows: int) -> Plan:
        """Return the plan with these rows of a row group, where it names none itself; its canonical form stays."""
        return replace(self, build=replace(self.build, row_group_rows=row_group_rows)) if self.build.by_size else self


def load(path: Path, kinds: Mapping[str, StepKind]) -> Plan:
    """Return the plan in a file.

    Args:
        path: the plan file.
        kinds: the kinds of steps that there are, by name (`release.steps.kinds()`).

    Raises:
        PlanError: it cannot be read, is no TOML, or has faults: all of them at once.
    """
    path = path.absolute()
    text = _read(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(str(path), (Fault("the file", "TOML", str(error)),)) from None
    except RecursionError:
        raise PlanError(str(path), (Fault("the file", "a few tables and lists within each other", "far more"),)) from None
    except ValueError:  # Python converts no number of thousands of digits
        raise PlanError(str(path), (Fault("the file", "numbers of at most 64 bits", "a far longer one"),)) from None
    faults: list[Fault] = []
    plan = _plan(Section(table, "", faults), path, kinds)
    if faults:
        lines = line_numbers(text)
        raise PlanError(str(path), tuple(with_line(fault, lines) for fault in faults))
    return plan


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_PLAN + 1)
    except OSError as error:
        raise PlanError(str(path), (Fault("the file", "a plan that can be read", error.strerror or "an error"),)) from None
    if len(data) > LARGEST_PLAN:
        raise PlanError(str(path), (Fault("the file", f"at most {LARGEST_PLAN} bytes", "more"),))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlanError(str(path), (Fault(f"the file (line {line})", "UTF-8 text", "other bytes"),)) from None


def _plan(root: Section, path: Path, kinds: Mapping[str, StepKind]) -> Plan:
    folder = path.parent
    release, source = root.section("release", required=True), root.section("source", required=True)
    lists, keys, audit = root.section("lists"), root.section("keys"), root.section("audit")
    spec = _source(source, folder)
    plan = Plan(
        path=path,
        folder=folder,
        name=release.text("name", pattern=NAME),
        version=release.text("version", pattern=VERSION),
        license=release.text("license"),
        columns=_columns(source.section("columns"), spec.format),
        source=spec,
        lists=ListsSpec(folder / lists.text("store", "lists"), _days(lists.text("max_age", "90d", AGE))),
        steps=_steps(root, kinds, folder),
        keys=KeysSpec(
            institution=folder / keys.text("institution", "keys/institution.pem"),
            log=folder / keys.text("log", "keys/log.pem"),
            line=folder / keys.text("line", "keys/line.key"),
        ),
        audit=AuditSpec(audit.integer("required", Range(1, 100), 1), folder / audit.text("trust", "trust.json")),
        build=_build(root.section("build"), root.section("limits"), links=spec.format == LINKS),
        hub=_hub(root.section("hub")),
        card=cardplan.read(root.section("card")),
    )
    for section in (root, release, source, lists, keys, audit):
        section.close()
    return plan


def _hub(section: Section) -> HubSpec:
    words = section.section("prompt_fields")
    fields = {name: words.choice(name, PROMPT_FIELDS, PROMPT_FIELDS[0]) for name in words.table}
    if len(fields) > MOST_PROMPT_FIELDS or not all(re.fullmatch(ANY_TEXT.regex, name) and len(name) <= _LONGEST_FIELD for name in fields):
        wanted = f"at most {MOST_PROMPT_FIELDS} fields with names in one line of at most {_LONGEST_FIELD} characters"
        section.fault("prompt_fields", wanted, "others")
    spec = HubSpec(section.choice("gated", GATES, GATES[0]), section.optional_text("prompt"), fields)
    for key in ("prompt", "prompt_fields"):
        if spec.gated == GATES[0] and section.has(key):
            section.fault(key, 'gated = "auto" or "manual" beside it: nobody is asked anything else', "nothing that is gated")
    section.close()
    return spec


def _source(section: Section, folder: Path) -> SourceSpec:
    path, hub = section.optional_text("path"), section.optional_text("hub", NAME)
    if (path is None) == (hub is None):
        section.fault("path", "either path or hub", "neither" if path is None else "both")
    revision = section.optional_text("revision")
    if revision is not None and hub is None:
        section.fault("revision", "no revision where there is no hub", shown(revision))
    return SourceSpec(
        path=None if path is None else folder / path,
        hub=hub,
        revision=revision,
        format=section.choice("format", FORMATS, "auto"),
        parent=section.choice("parent", PARENTS, "public"),
        split=section.optional_text("split", SPLIT),
    )


def _columns(section: Section, form: str) -> Columns:
    declared_section = section.section("declared")
    roles = {role: section.optional_text(role) for role in ("image", "text", "url")}
    if form == LINKS:
        if roles["image"] is not None:
            section.fault("image", f"no images in a source of format {LINKS}", shown(roles["image"]))
        roles |= {role: roles[role] or name for role, name in LINK_COLUMNS.items()}
    declared = {kind: column for kind in DECLARED_TYPES if (column := declared_section.optional_text(kind)) is not None}
    _check_apart(section, (*roles.items(), *((f"declared.{kind}", column) for kind, column in declared.items())))
    section.close()
    declared_section.close()
    return Columns(image=roles["image"], text=roles["text"], url=roles["url"], declared=declared)


def _check_apart(section: Section, roles: Iterable[tuple[str, str | None]]) -> None:
    """Let no column have two roles."""
    named: dict[str, str] = {}
    for role, column in roles:
        if column and named.setdefault(column, role) != role:
            section.fault(role, "a column of its own", f"{shown(column)}, which is {named[column]} already")


def _days(age: str) -> int | None:
    return int(age[:-1]) if age.endswith("d") else None


def _steps(root: Section, kinds: Mapping[str, StepKind], folder: Path) -> tuple[StepPlan, ...]:
    steps: list[StepPlan] = []
    for section in root.sections("step"):
        name = section.text("name", pattern=LABEL)
        if name and name in [step.name for step in steps]:
            section.fault("name", "a name of its own", f"{shown(name)}, which an earlier step has")
        kind = section.text("kind", pattern=LABEL)
        if kind in kinds:
            steps.append(replace(_step(section, name, kinds[kind]), folder=folder))
        elif kind:
            section.fault("kind", "one of " + ", ".join(sorted(kinds)), shown(kind) + nearest(kind, kinds))
    return tuple(steps)


def _step(section: Section, name: str, kind: StepKind) -> StepPlan:
    lists = section.texts("lists", (), LABEL)
    if kind.needs_lists and not section.has("lists"):
        section.fault("lists", "the names of one list or more", "nothing")
    if not kind.needs_lists and section.has("lists"):
        section.fault("lists", f"no lists, which {kind.kind} does not use", "some")
    caps = _caps(section, lists)
    return StepPlan(name, kind.kind, lists, kind.parse(section.rest(), section.where, section.faults), caps)


def _caps(section: Section, lists: tuple[str, ...]) -> Caps:
    step = section.integer("cap", MOST_REMOVED, 0) if section.has("cap") else None
    by_list = section.section("list_caps")
    caps = {name: by_list.integer(name, MOST_REMOVED, 0) for name in lists if by_list.has(name)}
    for name in by_list.rest():
        by_list.fault(name, "one of the step's lists", "another name")
    return Caps(step, caps)


def _build(build: Section, limits: Section, *, links: bool) -> BuildSpec:
    spec = BuildSpec(
        row_group_rows=build.integer("row_group_rows", Range(1, 1 << 20), LINK_GROUP_ROWS if links else GROUP_ROWS),
        shard_rows=build.integer("shard_rows", Range(1, 1 << 24), LINK_SHARD_ROWS if links else SHARD_ROWS),
        limits=Limits(
            pixels=limits.integer("pixels", Range(SELF_TEST_PIXELS, 1_000_000_000), Limits().pixels),
            frames=limits.integer("frames", Range(1, 10_000), Limits().frames),
            bytes=limits.integer("bytes", Range(SELF_TEST_BYTES, 1 << 30), Limits().bytes),
            seconds=limits.integer("seconds", Range(1, 3600), Limits().seconds),
            memory=limits.integer("memory", Range(64 << 20, 64 << 30), Limits().memory),
        ),
        by_size=not links and not build.has("row_group_rows"),
    )
    if spec.row_group_rows & (spec.row_group_rows - 1):
        build.fault("row_group_rows", "a power of two", str(spec.row_group_rows))
    build.close()
    limits.close()
    return spec
