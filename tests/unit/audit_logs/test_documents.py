"""Documents are read by their dataclasses: what fits comes back as it was, what does not is refused with its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulator import Simulator

from audit_logs import manifest, seen, statement, trust
from audit_logs.case import established
from audit_logs.documents import read, write
from audit_logs.errors import FormatError, TrustError, VerificationError
from audit_logs.manifest import Field
from audit_logs.statement import Statement, Subject, Unknown


def refused(value: object) -> FormatError:
    """Return the error for a value that is no subject."""
    with pytest.raises(FormatError) as caught:
        read(Subject, value, "subject")
    return caught.value


def test_a_value_is_refused_with_its_place() -> None:
    """No object, members too many or too few, a digest of another form."""
    assert read(Subject, write(Subject("x", "ab" * 32)), "subject") == Subject("x", "ab" * 32)
    assert refused([]).expected == "an object"
    assert refused({"name": "x"}).found == "no member 'digest'"
    assert refused({"name": "x", "digest": {"sha256": "ab" * 32}, "zz": 1}).found == "unknown member 'zz'"
    assert refused({"name": "x", "digest": "ab" * 32}).where == "subject.digest"
    assert refused({"name": "x" * 100, "digest": {"sha256": "ab" * 100}}).found.endswith("...")


def test_statements_of_unknown_types_are_not_written() -> None:
    """They are read, so that a log stays readable, and never made."""
    with pytest.raises(FormatError):
        statement.encode(Statement(Subject("x", "ab" * 32), Unknown("https://example.org/newer")))


def test_types_nest_sixteen_deep() -> None:
    """The outermost counts."""
    world = Simulator().write_statements()
    for depth, holds in ((16, True), (17, False)):
        text = "list<" * (depth - 1) + "int8" + ">" * (depth - 1)
        bent = replace(world.manifest, schema=(*world.manifest.schema, Field("deep", text)))
        if holds:
            assert manifest.parse(manifest.encode(bent)) == bent
        else:
            with pytest.raises(FormatError):
                manifest.encode(bent)


def test_trust_files_are_written_only_by_their_rules() -> None:
    """What would be refused when it is read is not written."""
    good = Simulator().trust
    assert trust.parse(trust.encode(good)) == good
    with pytest.raises(TrustError) as caught:
        trust.encode(replace(good, policy=replace(good.policy, quorum=3)))
    assert caught.value.code == "trust-threshold"
    for key in ("no vkey", good.auditors[0].witness):
        with pytest.raises(TrustError) as caught:
            trust.encode(replace(good, log=replace(good.log, key=key)))
        assert caught.value.code == "trust"


def test_a_state_file_of_another_type_is_refused() -> None:
    """The type is the first thing that is looked at."""
    remembered = Simulator().finish().verify().seen
    assert remembered is not None
    with pytest.raises(FormatError) as caught:
        seen.parse(seen.encode(remembered).replace(b"seen/v0.1", b"seen/v0.2"))
    assert caught.value.where == "state file._type"


def test_a_check_without_what_it_rests_on_is_a_fault_of_the_program() -> None:
    """Sections run in order, or not at all."""
    assert established(0) == 0
    with pytest.raises(VerificationError):
        established(None)


def test_an_optional_member_is_there_or_absent_and_nothing_between() -> None:
    """A trust file without the page that verifies has the bytes that it had before there was such a member."""
    plain = Simulator().trust
    named = replace(plain, verify_page="ab" * 32)
    assert "verifyPage" not in write(plain)
    assert write(named) == write(plain) | {"verifyPage": "ab" * 32}
    assert [read(trust.Trust, write(one), "trust file") for one in (plain, named)] == [plain, named]
    for nothing in (None, "", "AB" * 32, "ab"):
        with pytest.raises(FormatError):
            read(trust.Trust, write(plain) | {"verifyPage": nothing}, "trust file")
