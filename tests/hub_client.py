"""The unmodified `huggingface_hub` inside the test, made to know no Hub but a small one, and to wait for nothing.

The library reads its environment when it is imported; what it read is set anew here, so that a command needs no process of its own.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http


@contextmanager
def inside(endpoint: str, home: Path, token: str | None) -> Iterator[None]:
    """Let what runs in this process ask the Hub at `endpoint`, as `hub_server.environment` does for another process.

    Args:
        endpoint: the address.
        home: the folder for what the library keeps.
        token: what it is logged in with.
    """
    settings = {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_URL_HOSTS": constants.HF_URL_HOSTS | {urlsplit(endpoint).hostname},
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_XET_CACHE": str(home / "xet"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)  # how the library calls its own HTTP client
        for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
            patch.delenv(name)
        patch.setenv("NO_PROXY", "127.0.0.1")
        if token is not None:
            patch.setenv("HF_TOKEN", token)
        for name, value in settings.items():
            assert hasattr(constants, name), name
            patch.setattr(constants, name, value)
        patch.setattr(importlib.import_module("huggingface_hub.utils.tqdm"), "HF_HUB_DISABLE_PROGRESS_BARS", True)
        patch.setattr(_http, "time", SimpleNamespace(sleep=lambda _: None))  # the only thing that it asks of `time`: to wait between tries
        try:
            yield
        finally:
            huggingface_hub.close_session()
