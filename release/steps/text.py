"""`text`: rows whose caption holds a term, or matches an expression, of a confidential list.

A caption is brought to one form first: Unicode normal form KC, case folded, without characters that do not show, with single spaces. It finds:
a listed term in that form, as whole words or anywhere; an expression in the syntax of RE2, which takes time in proportion to the text
whatever it is. With `languages`, only rows whose language column names one of them, or nothing, are looked at: a word of one language may mean
nothing in another. Lists stay in the list store, readable by their owner alone; a release carries a keyed commitment to them and no term.
It cannot find: other spellings, letters replaced by look-alikes of another script, words in the picture itself, or what a caption does not
say. A row without a caption is unscreenable; one whose caption is empty holds no term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from audit_logs.statement import SelfTest
from release.errors import Fault, StepError
from release.lists import StoredList
from release.lists.phrases import EXPRESSION_MEMORY, PHRASES, REGEX, expressions, plain
from release.match import PhraseIndex
from release.plan import Columns, StepPlan
from release.sections import Pattern, Section
from release.steps.about import About, Key
from release.steps.base import REMOVED, Covers, Flags, Rows, Sheet, Verdicts, check_verdict, missed, need_column, of_type, usable_types
from release.steps.scores import field_of, wrong_type

KIND = "text"
NO_TEXT = "no-text"
AT_ONCE = 1000  # terms in one expression
MEMORY = 256 << 20
_LANGUAGE = Pattern("[A-Za-z0-9_-]{1,64}", "a language as the column names it")
_BEFORE, _AFTER = r"(?:^|[^\pL\pM\pN])", r"(?:[^\pL\pM\pN]|$)"


@dataclass(frozen=True, slots=True)
class Parameters:
    """How terms are found, and in which rows: `language_column` and `languages` are both there, or neither."""

    terms: str
    language_column: str | None
    languages: tuple[str, ...]

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        spoken = {"language_column": self.language_column, "languages": list(self.languages)} if self.language_column else {}
        return {"terms": self.terms, **spoken}


@dataclass(frozen=True, slots=True)
class Search:
    """The compiled entries of one type of one list: its own, and its own together with the self-test's."""

    own: tuple[Any, ...]
    every: tuple[Any, ...]

    def finds(self, text: str) -> bool:
        """Tell whether an entry of the list is in a text, which is in its one form; the self-test's entries do not count."""
        return self.finds_any(text) and any(one.search(text) is not None for one in self.own)

    def finds_any(self, text: str) -> bool:
        """Tell whether any entry is in a text, the self-test's included."""
        return any(one.search(text) is not None for one in self.every)


@dataclass(frozen=True, slots=True)
class Text:
    """A step of this kind, with its expressions compiled, by list name."""

    name: str
    parameters: Parameters
    lists: tuple[StoredList, ...]
    column: str
    searches: Mapping[str, tuple[Search, ...]]
    kind: str = KIND
    covers: Covers = "declared"
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    def check(self, schema: pa.Schema) -> None:
        """Check that the column of languages is there and holds texts.

        Raises:
            StepError: it does not.
        """
        column = self.parameters.language_column
        if column is not None and (field := field_of(schema, column, self.name)).type != pa.string():
            raise wrong_type(field, self.name, "texts")

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: a caption with a listed term is removed; a row without a caption is unscreenable."""
        looked = np.flatnonzero(alive & self._spoken(rows)).tolist()
        captions = rows.batch.column(self.column).to_pylist()
        sheet, found = Sheet.blank(rows.n), 0
        for row in looked:
            if captions[row] is None:
                sheet.cannot_screen(row, NO_TEXT)
                continue
            found += 1
            if name := self._listed(plain(captions[row])):
                sheet.status[row], sheet.which_list[row] = REMOVED, name
        return sheet.verdicts({"text": found})

    def _listed(self, text: str) -> str:
        """Return the first list that finds something, or ""."""
        return next((name for name, searches in self.searches.items() if any(search.finds(text) for search in searches)), "")

    def _spoken(self, rows: Rows) -> Flags:
        """Return (n,) bool: which rows are of a language that the step looks at, or of none that is known."""
        if self.parameters.language_column is None:
            return np.ones(rows.n, np.bool_)
        wanted = {language.casefold() for language in self.parameters.languages}
        named = rows.batch.column(self.parameters.language_column).to_pylist()
        return np.array([not one or one.strip().casefold() in wanted for one in named], np.bool_)

    def _named(self, name: str) -> tuple[StoredList, ...]:
        return tuple(used for used in self.lists if used.name == name)

    def self_test(self, canary: Rows) -> SelfTest:
        """Return that the canary's caption was found in every list, and as nothing but a canary.

        Raises:
            StepError: it was not.
        """
        text = plain(str(canary.batch.column(self.column)[0].as_py()))
        for name, searches in self.searches.items():
            if not all(search.finds_any(text) and not search.finds(text) for search in searches):
                raise missed(self.name, name, "the reserved entry found by the canary, and no other")
            as_own = tuple(Search(own=search.every, every=search.every) for search in searches)
            check_verdict(replace(self, lists=self._named(name), searches={name: as_own}), canary, removed=True)
        planted = sum(map(len, self.searches.values()))
        return SelfTest(planted=planted, caught=planted, beyond=0)


class TextKind:
    """The kind `text`."""

    kind = KIND
    needs_lists = frozenset(PHRASES)
    about = About(
        covers="`declared`: captions that came with the source",
        keys=(
            Key("terms", "`whole-words`, `anywhere`", "`whole-words`", "whether a term counts only where no letter or digit adjoins it; say "
                "`anywhere` for languages that put no space between words. Expressions say so themselves"),
            Key("language_column", "text", "none", "a column of texts that names the language of each caption"),
            Key("languages", "list of text", "none", "the values of that column, in any case, that the lists are for; needed with it"),
        ),
        reasons={NO_TEXT: "the caption is null"},
        audit="An auditor with lists of terms of its own searches the published captions (claim `no-listed-row`), of every language. The institution's "
        "list cannot be rebuilt from its commitment.",
    )  # fmt: skip

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        terms = section.choice("terms", ("whole-words", "anywhere"), "whole-words")
        column = section.optional_text("language_column")
        languages = section.texts("languages", (), _LANGUAGE) if section.has("languages") else ()
        if bool(column) != bool(languages):
            section.fault("languages", "languages together with language_column", "one of the two")
        section.close()
        return Parameters(terms, column, tuple(sorted(languages)))

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Text:
        """Return a step.

        Raises:
            StepError: a list has no terms or expressions, or the plan names no column of captions.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        usable = usable_types(plan, lists, self.needs_lists)
        column = need_column(plan, columns.text, "text")
        searches = {}
        for used in lists:
            indexes = [(kind, of_type(used.index(kind), PhraseIndex, plan)) for kind in usable[used.name]]
            searches[used.name] = tuple(_search(kind, index, parameters, f"step {plan.name}, list {used.name}") for kind, index in indexes)
        return Text(plan.name, parameters, lists, column, searches)


def _search(kind: str, index: PhraseIndex, parameters: Parameters, where: str) -> Search:
    import re2

    try:
        own, every = (tuple(_compiled(kind, index.texts(reserved=reserved), parameters.terms)) for reserved in (False, True))
    except re2.error:  # its text shows the entry
        raise StepError(
            "an entry of the list cannot be compiled", where=where, next_step="import the list again", code="step-lists"
        ) from None
    return Search(own, every)


def _compiled(kind: str, texts: Sequence[str], terms: str) -> Iterator[Any]:
    """Yield expressions that find any of these texts: many terms at once, and each expression by itself."""
    import re2

    if kind == REGEX:
        yield from (expressions(text, EXPRESSION_MEMORY) for text in texts)
        return
    before, after = (_BEFORE, _AFTER) if terms == "whole-words" else ("", "")
    for start in range(0, len(texts), AT_ONCE):
        any_of = "|".join(re2.escape(text) for text in texts[start : start + AT_ONCE])
        yield expressions(f"{before}(?:{any_of}){after}", MEMORY)
