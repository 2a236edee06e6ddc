"""What keeps a candidate from being released: the gate asks by the functions that verify."""

from __future__ import annotations

from simulator import AUDITORS, Simulator

from audit_logs.policy import policy_gaps
from audit_logs.replay import replay
from audit_logs.statement import Candidate


def gaps(world: Simulator, cosigned: tuple[str, ...] | None = None) -> list[str]:
    """Return the codes of what is missing."""
    world.write_statements()
    return [gap.code for gap in policy_gaps(world.manifest, replay(world.entries, world.trust), world.trust, cosigned)]


def test_nothing_keeps_a_whole_candidate_back() -> None:
    """Before anybody is asked for cosignatures, and when all have given theirs."""
    assert gaps(Simulator()) == []
    assert gaps(Simulator(), AUDITORS) == []


def test_an_opinion_without_its_author_s_cosignature_is_missing() -> None:
    """Once cosignatures are asked for."""
    assert gaps(Simulator(), AUDITORS[:1]) == ["opinions-missing"]


def test_without_a_candidate_nothing_else_is_asked() -> None:
    """There is nothing that could be released."""
    world = Simulator()
    world.skip = {Candidate}
    assert gaps(world) == ["no-candidate"]
