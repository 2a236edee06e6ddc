"""List files as holders write them, made of random values: the shapes are those of the formats' public documentation and clients."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32, "photodna": 144, "video-md5": 16}


def raw(number: int, kind: str) -> bytes:
    """Return the entry of a picture that does not exist."""
    return hashlib.shake_256(f"{kind} {number}".encode()).digest(_BYTES[kind])


def value(number: int, kind: str) -> str:
    """Return it as text: hex, PhotoDNA in base64."""
    made = raw(number, kind)
    return base64.b64encode(made).decode() if kind == "photodna" else made.hex()


def ncmec_record(tag: str, member: str, name: str, time: str, **more: str) -> str:
    """Return one record of a page; `more` are fingerprints and `classification`."""
    group = more.pop("classification", "")
    prints = "".join(f"<{kind}>{text}</{kind}>" for kind, text in more.items())
    return (
        f'<{tag}><member id="{member}">Example Member</member><timestamp>{time}</timestamp><id>{name}</id>'
        + (f"<classification>{group}</classification>" if group else "")
        + (f"<fingerprints>{prints}</fingerprints>" if prints else "")
        + '<feedback lastUpdateTimestamp="2023-06-01T12:48:14Z"><affirmativeFeedback type="Md5"><members timestamp="2023-06-01T12:48:14Z">'
        + '<member id="1">Another</member></members></affirmativeFeedback></feedback>'
        + f"</{tag}>\n"
    )


def ncmec_page(images: Sequence[str] = (), videos: Sequence[str] = (), newest: str = "2026-02-20T15:10:00Z", following: str = "") -> str:
    """Return a page of NCMEC hash sharing."""
    sections = "".join(
        f'<{name} count="{len(records)}" maxTimestamp="{newest}">\n{"".join(records)}</{name}>\n'
        for name, records in (("images", images), ("videos", videos))
        if records
    )
    paging = f"<paging><next>{following}</next></paging>" if following else ""
    space = "https://hashsharing.ncmec.org/hashsharing/v2"
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<queryResult xmlns="{space}">\n{sections}{paging}</queryResult>\n'


def stopncii_record(kind: str, text: str, state: str = "Active", time: int = 1_770_000_000) -> dict[str, Any]:
    """Return one record of StopNCII."""
    return {
        "lastModtimestamp": time,
        "signalType": kind,
        "hashValue": text,
        "hashStatus": state,
        "caseNumbers": {"case-1": state},
        "CSPFeedbacks": [{"source": "example.org", "feedbackValue": "Blocked", "tags": ["a"]}],
    }


def stopncii_page(records: Sequence[Mapping[str, Any]], *, more: bool = False) -> str:
    """Return a page of StopNCII."""
    head = {"count": len(records), "nextPageToken": "t" if more else None, "nextSetTimestamp": 1_770_000_000, "hasMoreRecords": more}
    return json.dumps({**head, "hashRecords": list(records)})


def media(number: int, category: object, **more: object) -> dict[str, object]:
    """Return one file of a Project VIC list: hex in upper case, booleans and numbers as text."""
    return {
        "odata.id": f'Media("{number}")',
        "MediaID": number,
        "Category": category,
        "MD5": value(number, "md5").upper(),
        "SHA1": value(number, "sha1").upper(),
        "MediaSize": "2835",
        "Series": "",
        "VictimIdentified": "False",
        "IsDistributed": "true",
        "Tags": None,
        "MediaFiles": [{"FileName": "a.jpg", "FilePath": "b"}],
        **more,
    }


def vics(files: Sequence[Mapping[str, object]], version: str = "2.0", *, cases: bool = False) -> str:
    """Return a Project VIC list of version 1.3 or 2.0, plain or by case."""
    form = "Cases" if cases else "Media"
    model = {
        "1.2": ("odata.metadata", f"http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#{form}"),
        "1.3": ("odata.metadata", f"http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#{form}"),
        "2.0": ("@odata.context", f"http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/Default/$metadata#{form}"),
    }[version]
    content: object = [{"CaseID": "c", "CaseNumber": "1", "Media": list(files)}] if cases else list(files)
    return json.dumps({model[0]: model[1], "value": content})


def icse(*rows: Sequence[str]) -> str:
    """Return an export of ICSE; a row has MD5, SHA1, PhotoDNA, medium and baseline."""
    head = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;Number of submissions;"
    lines = [head + "File Available;Media Type;Baseline"]
    lines += [f"{md5};{sha1};{photodna};7;True;False;False;;1;True;{medium};{base}" for md5, sha1, photodna, medium, base in rows]
    return "\r\n".join(lines) + "\r\n"


def tat_record(number: int, kind: str, name: str, **more: object) -> dict[str, object]:
    """Return one record of Tech Against Terrorism."""
    return {
        "hash_digest": value(number, kind),
        "algorithm": name,
        "ideology": "far-right",
        "file_type": "png",
        "deleted": False,
        "updated_on": 1_770_000_000.5,
        "created_on": "2026-01-02T03:04:05Z",
        "id": number,
        **more,
    }
