"""By which trust file a release that is fetched is verified, as the command line says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release.cli._output import Output

if TYPE_CHECKING:
    from audit_logs.contact import Asked, Chosen

OPTIONS = ("trust", "trust_digest", "trust_on_first_use")


@dataclass(frozen=True, slots=True)
class Trusting:
    """The options `--trust`, `--trust-digest` and `--trust-on-first-use`, and where a file of first contact is pinned by default."""

    output: Output
    beside: Path
    asked: Asked

    def choose(self, folder: Path) -> Chosen:
        """Return the trust file for a release whose record lies in a folder, and say aloud if it comes from there.

        Raises:
            TrustError: it cannot be read, or is another than was asked for.
        """
        from dataclasses import replace

        from audit_logs import contact

        asked = self.asked
        if asked.first_use and asked.file is None:
            place = self.beside.absolute()
            asked = replace(asked, file=place.with_name(f"{place.name}.trust.json"))
        chosen = contact.choose(folder, asked)
        if chosen.warning:
            self.output.warn(chosen.warning)
        return chosen


def trusting(output: Output, beside: Path, options: Mapping[str, Any]) -> Trusting:
    """Return what a command line says.

    Raises:
        UsageError: it says nothing, or two things.
    """
    from audit_logs.contact import Asked
    from release.errors import UsageError

    asked = Asked(*(options[name] for name in OPTIONS))
    if asked.fault:
        raise UsageError(asked.fault)
    return Trusting(output, beside, asked)
