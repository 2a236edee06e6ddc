"""The only code that talks to the Hub: `reading` what stands at a commit, `writing` commits, tags and settings.

Retries, tokens, proxies and the cache are `huggingface_hub`'s own. What the Hub says is checked by the caller: it has been
seen to deliver other bytes than it promised.
"""

from release.hub.reading import HubDataset, HubFile, resolve
from release.hub.writing import Change, Repository, Standing

__all__ = ["Change", "HubDataset", "HubFile", "Repository", "Standing", "resolve"]
