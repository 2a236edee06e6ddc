"""What it was measured on: processor, cores, memory, versions; nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numba", "numpy", "pillow", "pyarrow", "simplejpeg", "cryptography", "datasets")


def machine() -> dict[str, object]:
    """Return processor, cores, memory, system, and the versions of our libraries."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory:.0f} GiB",
        "system": f"Linux {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def load_average() -> float:
    """Return how many processes wanted a core, over the last minute."""
    return os.getloadavg()[0]
