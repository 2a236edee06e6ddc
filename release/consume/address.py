"""What names a release on the Hub: `hub:owner/name`, and with `@1.2.3` one version of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from release.checks.inputs import HUB
from release.errors import UsageError

_PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ADDRESS = re.compile(rf"{HUB}({_PART}/{_PART})(?:@([0-9]+\.[0-9]+\.[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Address:
    """A dataset repository, and the version that is wanted; None for its newest release."""

    name: str
    version: str | None

    @property
    def folder_name(self) -> str:
        """Return a name for a folder that holds it."""
        return self.name.replace("/", "--") + ("" if self.version is None else f"@{self.version}")


def is_on_hub(path: object) -> bool:
    """Tell whether a path names a release on the Hub."""
    return str(path).startswith(HUB)


def parse(text: str) -> Address:
    """Return what an address names.

    Raises:
        UsageError: it is none.
    """
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        raise UsageError("this names no release on the Hub", expected="hub:owner/name or hub:owner/name@1.2.3", found=text)
    return Address(parts[1], parts[2])
