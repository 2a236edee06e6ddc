"""A batch through the fingerprinter: digests, reasons, limits, and decoders that die."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from release.errors import ScreeningError
from release.fingerprint import CONVENTIONS, DECODER, Fingerprinter, Fit, Viewer, decoder
from release.screen import image_bytes


def bomb(rows: int, columns: int) -> bytes:
    """Return a small PNG file of very many black pixels."""
    packer = zlib.compressobj(9)
    line = bytes(1 + columns // 8)
    data = b"".join(packer.compress(line) for _ in range(rows)) + packer.flush()

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", columns, rows, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animation(studio: Any, kind: str, count: int) -> bytes:
    """Return a file of `count` different frames."""
    frames = [studio.image(seed, 120, 160) for seed in range(count)]
    out = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=50, **options)
    return out.getvalue()


def test_digests_are_of_the_stored_bytes(prints: Fingerprinter, studio: Any) -> None:
    """Every row with bytes has its three digests, whatever the bytes are."""
    images = [studio.file(studio.image()), b"", b"no picture", None]
    made = prints.run(images)
    assert made.has_bytes.tolist() == [True, True, True, False]
    assert made.reason == ["", "undecodable", "undecodable", "no-image"]
    for row, data in enumerate(images[:3]):
        assert made.md5[row].tobytes() == hashlib.md5(data, usedforsecurity=False).digest()
        assert made.sha1[row].tobytes() == hashlib.sha1(data, usedforsecurity=False).digest()
        assert made.sha256[row].tobytes() == hashlib.sha256(data).digest()
    assert not made.md5[3].any()
    assert made.quality[1:].tolist() == [-1, -1, -1]


def test_without_perceptual_hashes_no_process_is_started(studio: Any) -> None:
    """Digests alone need no decoder."""
    with Fingerprinter(studio.limits(), CONVENTIONS, perceptual=False) as plain:
        made = plain.run([b"x", None])
        assert plain._decoder is None
    assert made.reason == ["", "no-image"]
    assert dict(made.pdq) == {}
    assert len(made.frame_row) == 0


def test_empty_batch_has_no_rows(prints: Fingerprinter) -> None:
    """No rows in, no rows out."""
    made = prints.run([])
    assert len(made) == 0
    assert made.pdq["full"].shape == (0, 8, 32)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_every_frame_of_an_animation_is_hashed(prints: Fingerprinter, studio: Any, kind: str) -> None:
    """The third frame counts as much as the first."""
    made = prints.run([b"?", animation(studio, kind, 3)])
    assert made.reason == ["undecodable", ""]
    assert made.frame_row.tolist() == [1, 1, 1]
    still = prints.run([studio.file(studio.image(2, 120, 160))])
    assert studio.distance(made.pdq["full"][2, 0], still.pdq["full"][0, 0]) <= 10


def test_animation_with_too_many_frames_keeps_the_hashes_of_the_first(prints: Fingerprinter, studio: Any) -> None:
    """A row with more frames than allowed says so, and its first frames can still be matched."""
    made = prints.run([animation(studio, "GIF", 6)])
    assert made.reason == ["frames"]
    assert made.frame_row.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 90}), ("PNG", {}), ("JPEG", {"progressive": True})])
def test_truncated_file_is_matched_as_far_as_it_decodes(prints: Fingerprinter, studio: Any, kind: str, options: dict[str, Any]) -> None:
    """Of a file whose end is missing the hash of what is there remains, near the whole picture's."""
    whole = studio.file(studio.image(), kind, **options)
    made = prints.run([whole[: len(whole) * 98 // 100], whole, whole[:30]])
    assert made.reason[:2] == ["truncated", ""]
    assert studio.distance(made.pdq["full"][0, 0], made.pdq["full"][1, 0]) <= 31
    assert made.reason[2] in {"truncated", "undecodable"}


def test_truncated_cmyk_jpeg_is_matched_as_far_as_it_decodes(prints: Fingerprinter, studio: Any) -> None:
    """The same holds for the pictures that Pillow decodes."""
    whole = studio.file(studio.image().convert("CMYK"), "JPEG")
    made = prints.run([whole[: len(whole) * 98 // 100], whole])
    assert made.reason == ["truncated", ""]
    assert studio.distance(made.pdq["full"][0, 0], made.pdq["full"][1, 0]) <= 31


def test_truncated_animation_keeps_its_whole_frames(prints: Fingerprinter, studio: Any) -> None:
    """Frames before the damage are hashed."""
    whole = animation(studio, "GIF", 3)
    made = prints.run([whole[: len(whole) * 60 // 100]])
    assert made.reason == ["truncated"]
    assert len(made.frame_row) >= 1


def test_zip_named_jpg_is_undecodable(prints: Fingerprinter) -> None:
    """What is no picture is refused, whatever its name says."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", b"text")
    assert prints.run([out.getvalue()]).reason == ["undecodable"]


def test_format_off_the_list_is_never_decoded(prints: Fingerprinter, studio: Any) -> None:
    """A format that Pillow could read but that is not on the list is refused."""
    assert prints.run([studio.file(studio.image(), "PPM"), studio.file(studio.image(), "TGA")]).reason == ["undecodable", "undecodable"]


def test_169_megapixel_png_of_20_kb_is_refused_by_its_header(prints: Fingerprinter) -> None:
    """A decompression bomb costs nothing."""
    data = bomb(13000, 13000)
    assert len(data) < 32_000
    start = time.perf_counter()
    assert prints.run([data]).reason == ["pixels"]
    assert time.perf_counter() - start < 2


def test_large_jpeg_is_refused_by_its_header(prints: Fingerprinter) -> None:
    """The same for the format with a decoder of its own."""
    out = io.BytesIO()
    Image.new("L", (3000, 2000)).save(out, "JPEG")
    assert prints.run([out.getvalue()]).reason == ["pixels"]


def test_file_above_the_limit_of_bytes_is_not_decoded(studio: Any) -> None:
    """It has digests and a reason."""
    with Fingerprinter(studio.limits(bytes=100), ("full",), perceptual=True) as small:
        made = small.run([studio.file(studio.image())])
    assert made.reason == ["too-large"]
    assert made.has_bytes.tolist() == [True]
    assert made.sha256.any()


def test_decoder_killed_in_mid_batch_costs_at_most_one_row(prints: Fingerprinter, studio: Any) -> None:
    """SIGKILL from outside takes the picture in hand; the rest of the batch goes on in a new process."""
    picture = studio.file(studio.image(0, 1400, 1400))
    batch = [picture] * 60
    process = prints._decoder._running
    killer = threading.Timer(0.15, os.kill, (process.pid, signal.SIGKILL))
    killer.start()
    made = prints.run(batch)
    killer.join()
    assert process.returncode == -signal.SIGKILL
    assert sorted(made.reason)[-2:] in (["", "crashed"], ["", ""])
    assert sum(reason == "crashed" for reason in made.reason) == 1
    assert len(made.frame_row) == 59


def test_answers_that_died_with_the_decoder_are_asked_for_again(prints: Fingerprinter, studio: Any) -> None:
    """Answers come many at a time; when the process dies, the picture that it had begun is named, and the ones before it are hashed anew."""
    files = [studio.file(studio.image(seed, 60, 60)) for seed in range(30)]
    slow = bomb(20000, 20000)
    with Fingerprinter(studio.limits(pixels=10**9, seconds=0.4, memory=1 << 33), ("full",), perceptual=True) as hurried:
        made = hurried.run([*files[:20], slow, *files[20:], slow])
    assert [row for row, reason in enumerate(made.reason) if reason] == [20, 31]
    assert {made.reason[20], made.reason[31]} == {"timeout"}
    assert made.frame_row.tolist() == [*range(20), *range(21, 31)]
    assert made.pdq["full"].tobytes() == prints.run(files).pdq["full"].tobytes()


def test_deaths_with_good_pictures_between_them_do_not_stop_the_build(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only deaths in a row speak of a broken decoder."""
    monkeypatch.setattr(decoder, "DEATHS", 1)
    quick, slow = studio.file(studio.image(0, 60, 60)), bomb(20000, 20000)
    with Fingerprinter(studio.limits(pixels=10**9, seconds=0.2, memory=1 << 33), ("full",), perceptual=True) as hurried:
        assert hurried.run([quick, slow, quick, slow]).reason == ["", "timeout", "", "timeout"]


def test_decoder_that_hangs_without_its_alarm_is_ended(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stands still beyond every patience is killed by its parent; no row is lost that it had not begun."""
    monkeypatch.setattr(decoder, "_GRACE", 0.1)
    quick = studio.file(studio.image(0, 60, 60))
    with Fingerprinter(studio.limits(seconds=0.5), ("full",), perceptual=True) as hurried:
        os.kill(hurried._decoder._running.pid, signal.SIGSTOP)
        assert hurried.run([quick, quick]).reason == ["", ""]


def test_pictures_are_given_to_the_decoder_for_reading_only(prints: Fingerprinter, studio: Any) -> None:
    """The process that reads untrusted bytes cannot change what the next picture is by accident: its view is read-only."""
    prints.run([studio.file(studio.image(0, 60, 60))])
    maps = Path(f"/proc/{prints._decoder._running.pid}/maps").read_text(encoding="utf-8")
    assert {line.split()[1] for line in maps.splitlines() if "memfd:pictures" in line} == {"r--s"}


def test_a_picture_of_unusual_weight_does_not_stay_in_memory(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared memory that one heavy picture needed is given back with the next batch."""
    monkeypatch.setattr(decoder, "WINDOW_BYTES", 50_000)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8))
    with Fingerprinter(studio.limits(), ("full",), perceptual=True) as fingerprinter:
        heavy, light = studio.file(noise), studio.file(studio.image(0, 60, 60))
        assert fingerprinter.run([heavy]).reason == [""]
        shared = fingerprinter._decoder._shared
        assert os.fstat(shared).st_blocks * 512 > 400_000
        assert fingerprinter.run([light]).reason == [""]
        assert os.fstat(shared).st_blocks * 512 < 100_000


def test_what_a_damaged_jpeg_lacks_does_not_show_the_picture_before_it(prints: Fingerprinter, studio: Any) -> None:
    """Pixels are decoded into room that is used again; the hash of a damaged file depends on that file alone."""
    whole = studio.file(studio.image(3), "JPEG", quality=90)
    cut = whole[: len(whole) * 60 // 100]
    others = [studio.file(studio.image(seed), "JPEG") for seed in (1, 2)]
    alone = prints.run([cut]).pdq["full"][0]
    for other in others:
        assert prints.run([other, cut]).pdq["full"][1].tobytes() == alone.tobytes()


def test_views_of_arrow_memory_are_fingerprinted_like_bytes(prints: Fingerprinter, studio: Any) -> None:
    """Images lie where the source's batch has them; a slice, nulls and both widths of offsets give the same rows."""
    files = [studio.file(studio.image(seed, 60, 60)) for seed in range(4)]
    images = [files[0], None, b"", files[1], files[2], files[3]]
    wanted = prints.run(images[1:5])
    for kind in (pa.binary(), pa.large_binary(), pa.struct([("bytes", pa.binary())])):
        rows = [{"bytes": image} for image in images] if pa.types.is_struct(kind) else images
        batch = pa.record_batch({"image": pa.array(rows, kind)}).slice(1, 4)
        made = prints.run(image_bytes(batch, "image"))
        assert (made.reason, made.sha256.tobytes()) == (wanted.reason, wanted.sha256.tobytes())
        assert made.pdq["full"].tobytes() == wanted.pdq["full"].tobytes()
    assert image_bytes(pa.record_batch({"image": pa.array([None, None], pa.binary())}), "image") == [None, None]


def test_decoder_killed_between_batches_costs_no_row(prints: Fingerprinter, studio: Any) -> None:
    """A process that died while nothing was asked of it is replaced."""
    process = prints._decoder._running
    process.kill()
    process.wait()
    assert prints.run([studio.file(studio.image())]).reason == [""]


def test_picture_that_takes_too_long_costs_one_row(studio: Any) -> None:
    """A slow picture ends its decoder by the alarm, and the ones around it are hashed."""
    quick = studio.file(studio.image(0, 60, 60))
    with Fingerprinter(studio.limits(pixels=10**9, seconds=0.4, memory=1 << 33), ("full",), perceptual=True) as hurried:
        made = hurried.run([quick, bomb(20000, 20000), quick])
    assert made.reason == ["", "timeout", ""]


def test_picture_that_needs_too_much_memory_costs_one_row(studio: Any) -> None:
    """A picture beyond the limit of address space is refused, and the ones around it are hashed."""
    quick = studio.file(studio.image(0, 60, 60))
    with Fingerprinter(studio.limits(pixels=10**9, memory=1 << 26), ("full",), perceptual=True) as small:
        made = small.run([quick, bomb(13000, 13000), quick])
    assert made.reason == ["", "memory", ""]


def test_decoder_that_cannot_start_stops_the_build(studio: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a decoder there is an error and no result."""
    monkeypatch.setattr(decoder.sys, "executable", str(tmp_path / "absent"))
    broken = Fingerprinter(studio.limits(), ("full",), perceptual=True)
    with pytest.raises(ScreeningError, match="could not be started"), broken:
        pass
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n", encoding="ascii")
    script.chmod(0o755)
    monkeypatch.setattr(decoder.sys, "executable", str(script))
    with pytest.raises(ScreeningError, match="no such module"), broken:
        pass
    broken._decoder.close()


def test_decoder_that_dies_on_every_picture_stops_the_build(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts are bounded: a run of deaths is the decoder's fault."""
    monkeypatch.setattr(decoder, "DEATHS", 1)
    slow = bomb(20000, 20000)
    limits = studio.limits(pixels=10**9, seconds=0.2, memory=1 << 33)
    with Fingerprinter(limits, ("full",), perceptual=True) as hurried, pytest.raises(ScreeningError, match="every picture"):
        hurried.run([slow, slow, slow])


def test_a_decoder_that_floods_its_parent_is_ended(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of more views than the limits allow costs its row and its decoder, and no memory here; hostile code may give the answers."""
    monkeypatch.setattr(decoder, "VIEWS", 0)
    still, moving = studio.file(studio.image(0, 60, 60)), animation(studio, "GIF", 3)
    with Fingerprinter(studio.limits(), ("full",), perceptual=True) as flooded:
        assert flooded.run([b"no picture", still, moving]).reason == ["undecodable", "timeout", "timeout"]
    with Viewer(studio.limits()) as viewer:
        assert viewer.show(still, Fit(8, 8, "stretch", 8, 8, "bilinear", 0)).reason == "timeout"


def test_decoder_sees_no_secret_of_the_environment(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the environment does not reach the process that reads untrusted bytes."""
    monkeypatch.setenv("HF_TOKEN", "secret")
    with Fingerprinter(studio.limits(), ("full",), perceptual=True) as fingerprinter:
        pid = fingerprinter._decoder._running.pid
        assert b"HF_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_decoder_ignores_an_interrupt_and_ends_with_its_parent(studio: Any) -> None:
    """Ctrl-C is the parent's to handle; a closed pipe is the end."""
    with Fingerprinter(studio.limits(), ("full",), perceptual=True) as fingerprinter:
        process = fingerprinter._decoder._running
        process.send_signal(signal.SIGINT)
        assert fingerprinter.run([studio.file(studio.image())]).reason == [""]
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_many_rows_come_back_in_their_order(prints: Fingerprinter, studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of the shared memory do not mix rows up."""
    monkeypatch.setattr("release.fingerprint.fingerprinter.SLICE_BYTES", 50_000)
    files = [studio.file(studio.image(seed, 100, 100)) for seed in range(20)]
    together = prints.run([*files[:10], None, *files[10:]])
    assert together.frame_row.tolist() == [*range(10), *range(11, 21)]
    for seed in (0, 9, 19):
        alone = prints.run([files[seed]])
        assert alone.pdq["full"][0].tobytes() == together.pdq["full"][seed].tobytes()


def test_unknown_convention_is_refused(studio: Any) -> None:
    """A convention that nobody knows is an error at once."""
    with pytest.raises(ScreeningError, match="convention"):
        Fingerprinter(studio.limits(), ("half",), perceptual=True)


def test_decode_path_names_its_versions() -> None:
    """An attestation can name what decoded."""
    assert "simplejpeg" in DECODER
    assert "pillow" in DECODER


def test_quality_is_the_lowest_over_frames_and_conventions(prints: Fingerprinter, studio: Any) -> None:
    """One empty frame makes the row one of low quality."""
    frames = [studio.image(1, 100, 100), Image.fromarray(np.zeros((100, 100, 3), dtype=np.uint8))]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    made = prints.run([out.getvalue()])
    assert made.quality.tolist() == [0]
    assert {name: values.tolist() for name, values in made.qualities.items()} == {name: [0] for name in CONVENTIONS}
