"""Whom a holder serves, and how much it serves them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audit_logs.errors import Locked, StoreError
from release import store
from release.errors import ExchangeError, PlanError
from release.holder import admitted, served
from release.holder.admitted import Budget, Requester

KEY, OTHER = "SHA256:" + "A" * 43, "SHA256:" + "A" * 42 + "E"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKER = Requester("institution.example.org", KEY, Budget(3, 100), Budget(2, 60), 30, 32, 31)


def write(folder: Path, text: str) -> Path:
    """Write a file of the admitted."""
    path = folder / "admitted.toml"
    path.write_text(text, encoding="utf-8")
    return path


def asked(number: int, rows: int = 10, name: str = "a/b", root: str = "0") -> Any:
    """Return a request."""
    said = SimpleNamespace(name=name, source=SimpleNamespace(root=root * 64, rows=rows))
    return SimpleNamespace(said=said, subject=f"{number:064x}")


def refusal(path: Path, request: Any, now: datetime = NOW, requester: Requester = ASKER) -> str:
    """Return the code with which a request is refused."""
    with pytest.raises(ExchangeError) as found:
        served.charge(path, requester, request, (0, now))
    return found.value.code


def test_the_admitted_have_defaults(tmp_path: Path) -> None:
    """Requests and rows have to be said; what one source may ask follows, two requests at most."""
    path = write(tmp_path, f'[[requester]]\nname = "institution.example.org"\nkey = "{KEY}"\nrequests = 4\nrows = 500\n')
    assert admitted.requester_of(path, KEY) == Requester("institution.example.org", KEY, Budget(4, 500), Budget(2, 500), 365, 32, 31)
    with pytest.raises(ExchangeError, match="not served") as found:
        admitted.requester_of(path, OTHER)
    assert found.value.code == "not-admitted"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "one table"),
        ("[[requester]", "TOML"),
        (f'[[requester]]\nname = "x.example"\nkey = "{KEY}"\nrows = 1\n', r"requester\[1\]\.requests"),
        (f'[[requester]]\nname = "x.example"\nkey = "{KEY}"\nrequests = 1\nrows = -2\n', r"requester\[1\]\.rows"),
        ('[[requester]]\nname = "x.example"\nkey = "SHA256:x"\nrequests = 1\nrows = 1\n', "a key id"),
        (f'[[requester]]\nname = "x.example"\nkey = "{KEY}"\nrequests = 1\nrows = 1\nrow = 3\n', "did you mean"),
        (f'[[requester]]\nname = "x.example"\nkey = "{KEY}"\nrequests = 1\nrows = 1\n' * 2, "each key once"),
    ],
)
def test_a_faulty_file_admits_nobody(tmp_path: Path, text: str, told: str) -> None:
    """Each fault has its place; nothing is taken from a file that has one."""
    with pytest.raises(PlanError, match=told):
        admitted.requester_of(write(tmp_path, text), KEY)


def test_a_budget_is_of_requests_and_of_rows(tmp_path: Path) -> None:
    """For all sources together, and for each one."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1, 40), (0, NOW))
    assert refusal(path, asked(2, 21)) == "over-budget"  # 61 rows of one source
    served.charge(path, ASKER, asked(3, 20), (0, NOW))
    assert refusal(path, asked(4, 0)) == "over-budget"  # three requests for one source
    assert refusal(path, asked(5, 41, "c/d", "1")) == "over-budget"  # 101 rows in all
    served.charge(path, ASKER, asked(6, 40, "c/d", "1"), (0, NOW))
    assert refusal(path, asked(7, 0, "e/f", "2")) == "over-budget"  # four requests in all


def test_a_source_under_another_name_is_the_same_source(tmp_path: Path) -> None:
    """As is another state of it under one name."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1), (0, NOW))
    served.charge(path, ASKER, asked(2, name="c/d"), (0, NOW))
    assert refusal(path, asked(3, name="e/f")) == "over-budget"
    assert refusal(path, asked(3, name="g/h")) == "over-budget"
    served.charge(path, ASKER, asked(4, name="c/d", root="5"), (0, NOW))


def test_time_gives_a_budget_back_and_never_a_request(tmp_path: Path) -> None:
    """After the days of the budget its requests count no more; the same request is refused for ever."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1, 60), (0, NOW))
    assert refusal(path, asked(2, 60), NOW + timedelta(days=30) - timedelta(seconds=1)) == "over-budget"
    served.charge(path, ASKER, asked(2, 60), (0, NOW + timedelta(days=30)))
    assert refusal(path, asked(1, 60), NOW + timedelta(days=900)) == "answered-before"


def test_each_requester_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """What another one asked does not count, but its very request is not answered to somebody else."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1, 60), (0, NOW))
    other = replace(ASKER, key=OTHER, name="other.example.org")
    served.charge(path, other, asked(2, 60), (0, NOW))
    assert refusal(path, asked(1, 0), requester=other) == "answered-before"


def test_the_record_is_private_and_durable(tmp_path: Path) -> None:
    """It is read by its owner alone, refused where others can reach it, damaged ones too; two at once do not miss each other."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1), (0, NOW))
    assert path.stat().st_mode & 0o777 == 0o600
    with store.lock(path.with_name("served.lock")), pytest.raises(Locked):
        served.charge(path, ASKER, asked(2), (0, NOW))
    path.chmod(0o644)
    with pytest.raises(StoreError, match="others can reach"):
        served.charge(path, ASKER, asked(2), (0, NOW))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(path, asked(2)) == "exchange-form"


def test_another_key_of_one_requester_has_no_budget_of_its_own(tmp_path: Path) -> None:
    """Whoever is admitted with a new key, or with two, has asked what the old one asked."""
    path = tmp_path / "served"
    served.charge(path, ASKER, asked(1, 60), (0, NOW))
    assert refusal(path, asked(2, 60), requester=replace(ASKER, key=OTHER)) == "over-budget"


def test_many_pictures_in_one_row_use_up_the_budget_of_as_many_rows(tmp_path: Path) -> None:
    """A row of frames tries out as many pictures at once."""
    path = tmp_path / "served"
    with pytest.raises(ExchangeError, match="more than it may"):
        served.charge(path, ASKER, asked(1, 1), (101, NOW))
    served.charge(path, ASKER, asked(1, 1), (60, NOW))
    assert refusal(path, asked(2, 1)) == "over-budget"
