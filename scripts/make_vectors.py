"""Make tests/vectors from the recipes in scripts/vectors; the same bytes each time.

python scripts/make_vectors.py            write them, and remove those that no recipe makes any more
python scripts/make_vectors.py --check    change nothing; exit 1 if a file differs
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors"
WRITTEN_BY_HAND = {"README.md", ".gitattributes"}


def differences(made: dict[str, bytes]) -> list[str]:
    """Return the paths of vectors that are missing, left over, or other than what the recipes make."""
    there = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    there = {path: data for path, data in there.items() if path not in WRITTEN_BY_HAND}
    return sorted(path for path in made.keys() | there.keys() if made.get(path) != there.get(path))


def write(made: dict[str, bytes]) -> None:
    """Bring the folder to what the recipes make."""
    for path in differences(made):
        target = FOLDER / path
        if path in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(made[path])
        else:
            target.unlink()
    for folder in sorted((path for path in FOLDER.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def main(arguments: list[str]) -> int:
    """Write or check the vectors; return the exit code."""
    from vectors import make

    made = make()
    if arguments == ["--check"]:
        different = differences(made)
        sys.stdout.writelines(f"tests/vectors/{path} is not what its recipe makes\n" for path in different)
        return 1 if different else 0
    write(made)
    count = sum(path.endswith("/expect.json") for path in made)
    sys.stdout.write(f"{count} vectors, {sum(map(len, made.values())) // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
