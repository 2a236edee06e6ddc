"""Files on their way into a list: one format for all, what is broken and whether that is accepted, and as of when the list holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from release.errors import ListError
from release.lists.formats import FORMATS, choose
from release.lists.gather import Gathered
from release.lists.report import ImportRequest

Tick = Callable[[int], object]
_BROKEN = "list-file"
_UNITS = {"line": "lines", "entry": "entries", "row": "rows"}


class Reading:
    """Files of one format on their way into a list, and where they were broken."""

    def __init__(self, request: ImportRequest, tick: Tick) -> None:
        """Begin with no file; `tick` is told the number of values after each batch."""
        self.request = request
        self.gathered = Gathered()
        self.format = ""
        self.broken: list[str] = []
        self._tick = tick

    def all(self, paths: Iterable[Path]) -> None:
        """Read every file, each before the next is asked for.

        Raises:
            ListError: one is refused, is of another format than the first, or goes on in a file that is not there.
        """
        count, last = 0, ""
        for path in paths:
            count, last = count + 1, path.name
            name = choose(path, self.request)
            if self.format not in ("", name):
                raise ListError("the list files are of two formats", where=path.name, expected=self.format, found=name, code="list-format")
            self.format = name
            self.gathered.begin(path.name)
            self._one(path)
        if self.gathered.continued >= count > 0:
            self._accept(
                ListError(
                    "every page names a next one, so the last one is missing",
                    where=last,
                    expected="all pages together",
                    next_step="name the missing pages as well, or take these alone with --accept-partial",
                    code=_BROKEN,
                )
            )

    def _one(self, path: Path) -> None:
        try:
            for batch in FORMATS[self.format].read(path, self.request):
                self._tick(self.gathered.add(batch))
        except ListError as error:
            self._accept(error)

    def _accept(self, error: ListError) -> None:
        if error.code != _BROKEN or not self.request.accept_partial:
            raise error
        self.broken.append(f"{error.where}: {error.what}")


def vintage_of(request: ImportRequest, gathered: Gathered, today: date) -> tuple[date, str]:
    """Return the day as of which the list holds, and who says so: the file where it does, else the request.

    Raises:
        ListError: nobody says it, file and request contradict each other, or the day is one that the list cannot have.
    """
    if request.fetched_on is not None:
        return request.fetched_on, "declared"
    where = f"list {request.name}"
    found = gathered.day or request.vintage
    if found is None:
        raise ListError("the file does not say as of when it holds", where=where, next_step="say it with --vintage", code="list-vintage")
    if request.vintage not in (None, found):
        raise ListError(
            "the file says as of when it holds",
            where=where,
            expected=f"a vintage of {found}, or none",
            found=str(request.vintage),
            next_step="leave --vintage away",
            code="list-vintage",
        )
    if found > today:
        raise ListError("the vintage lies in the future", where=where, expected=f"up to {today}", found=str(found), code="list-vintage")
    if request.not_before is not None and found < request.not_before:
        raise ListError(
            "the file is older than the list",
            where=where,
            expected=f"a vintage from {request.not_before} on",
            found=str(found),
            next_step="`release lists import --replace` puts back an older one",
            code="list-vintage",
        )
    return found, "file" if gathered.day else "declared"


def nothing_in(reading: Reading) -> ListError:
    """Return the error for files without a usable entry."""
    gathered = reading.gathered
    found = "no value at all"
    if gathered.rejected:
        first, unit = gathered.rejected[0], FORMATS[reading.format].unit
        found = f"{gathered.rejected_count} {_UNITS[unit]} rejected; {unit} {first.line}: {first.reason}"
    elif reading.request.classes:
        found = "no entry of the classes that are wanted"
    elif gathered.aside:
        found = ", ".join(f"{count} of {what}" for what, count in sorted(gathered.aside.items()))
    where = f"list {reading.request.name}"
    return ListError("the list file has no usable entry, so nothing is stored", where=where, found=found, code="list-empty")
