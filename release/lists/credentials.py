"""What an exchange knows an institution by: from the system's keyring, or from a TOML file that nobody else can read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from release import store
from release.errors import ListError

SERVICE = "vetted-release {exchange}"
"""The service in the keyring; the user is the name of the credential."""

_LIMIT = 1 << 16


def load(exchange: str, names: Sequence[str], path: Path | None) -> Mapping[str, str]:
    """Return the credentials of an exchange by name.

    Args:
        exchange: which one.
        names: what it needs.
        path: a TOML file with a text of each name, readable by its owner alone; None: the keyring.

    Raises:
        ListError: one is missing, or there is no keyring (`exchange-credentials`).
        StoreError: the file cannot be read, or others can read it.
    """
    found = _from_keyring(exchange, names) if path is None else _from_file(path)
    missing = [name for name in names if not found.get(name)]
    if missing:
        service = SERVICE.format(exchange=exchange)
        raise ListError(
            f"credentials for {exchange} are missing",
            where=f"the keyring, service {service!r}" if path is None else str(path),
            expected=", ".join(missing),
            next_step=f"store them with `keyring set '{service}' {missing[0]}`, or name a file of mode 0600 with --credentials",
            code="exchange-credentials",
        )
    return {name: found[name] for name in names}


def _from_file(path: Path) -> Mapping[str, str]:
    data = store.read_file(path, _LIMIT, private=True)
    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):  # its message may quote the file
        raise ListError("the credentials cannot be read", where=str(path), expected="TOML", code="exchange-credentials") from None
    return {name: value for name, value in table.items() if isinstance(value, str)}


def _from_keyring(exchange: str, names: Sequence[str]) -> Mapping[str, str]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise missing_extra() from None
    try:
        found = {name: keyring.get_password(SERVICE.format(exchange=exchange), name) for name in names}
    except KeyringError:
        raise ListError(
            "the system's keyring cannot be opened",
            where=exchange,
            next_step="name a file of mode 0600 with --credentials",
            code="exchange-credentials",
        ) from None
    return {name: value for name, value in found.items() if value}


def missing_extra() -> ListError:
    """Return the error for an installation without the clients of exchanges."""
    return ListError(
        "fetching needs packages that are not installed", next_step="pip install 'vetted-release[exchanges]'", code="exchange-extra"
    )
