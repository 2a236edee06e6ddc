"""What a plan says for the dataset card alone, under [card]: for whom the data is, and whom to write to.

Nothing of it decides what is screened, so it is no part of the plan's canonical form; the card itself stands in the manifest.
Source of the names: the Hub's description of dataset cards (hub-docs, datasetcard.md) and its list of tasks (huggingface.js).
"""

from __future__ import annotations

from dataclasses import dataclass

from release.sections import Pattern, Section, nearest, shown

_TASKS = (
    "any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation "
    "document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction image-segmentation "
    "image-text-to-image image-text-to-text image-text-to-video image-to-3d image-to-image image-to-text image-to-video keypoint-detection "
    "mask-generation multiple-choice object-detection other question-answering reinforcement-learning robotics sentence-similarity "
    "summarization table-question-answering table-to-text tabular-classification tabular-regression tabular-to-text text-classification "
    "text-generation text-ranking text-retrieval text-to-3d text-to-audio text-to-image text-to-speech text-to-video "
    "time-series-forecasting token-classification translation unconditional-image-generation video-classification video-text-to-text "
    "video-to-video visual-document-retrieval visual-question-answering voice-activity-detection zero-shot-classification "
    "zero-shot-image-classification zero-shot-object-detection"
)
TASKS = frozenset(_TASKS.split())
TASK = Pattern("[a-z0-9-]+", "a task of the Hub such as text-to-image")
LANGUAGE = Pattern("[a-z]{2,3}|code|multilingual", "a language as ISO 639 writes it, such as en, or code or multilingual")
DATASET = Pattern("[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?", "a dataset of the Hub, owner/name")
CONTACT = Pattern(r"[^\x00-\x1f\x7f]{1,300}", "an address in one line of at most 300 characters")
POLICY = Pattern(r"[^\x00-\x1f\x7f]{1,2000}", "one line of at most 2,000 characters")


@dataclass(frozen=True, slots=True)
class CardSpec:
    """What the plan says for the card; where it says nothing, the card says so.

    Attributes:
        tasks: for which tasks of the Hub the data is; empty where the columns are to tell.
        language: the languages of the texts, by ISO 639.
        source_datasets: datasets of the Hub that the rows come from, beside the source that is named by its commit.
        contact: where a reader reports a problem.
        withdrawal: when and how the publisher withdraws a version, in its own words.
    """

    tasks: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    source_datasets: tuple[str, ...] = ()
    contact: str | None = None
    withdrawal: str | None = None


def read(section: Section) -> CardSpec:
    """Return what [card] says; faults go into the section."""
    tasks = section.texts("tasks", (), TASK)
    for task in tasks:
        if task not in TASKS:
            section.fault("tasks", TASK.expected, shown(task) + nearest(task, TASKS))
    spec = CardSpec(
        tasks=tasks,
        language=section.texts("language", (), LANGUAGE),
        source_datasets=section.texts("source_datasets", (), DATASET),
        contact=section.optional_text("contact", CONTACT),
        withdrawal=section.optional_text("withdrawal", POLICY),
    )
    section.close()
    return spec


def gaps(spec: CardSpec, text_column: str | None) -> tuple[str, ...]:
    """Return, in words, what readers will look for in the card and not find."""
    missing = {
        "card.contact: the card will say that no contact is named": spec.contact is None,
        "card.withdrawal: the card will say that no policy on withdrawals is stated": spec.withdrawal is None,
        "card.language: the card will say that the language of the texts is not stated": text_column is not None and not spec.language,
    }
    return tuple(text for text, holds in missing.items() if holds)
