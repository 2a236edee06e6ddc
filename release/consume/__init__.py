"""What a reader of a release does: verify it, load or stream it once it is verified, export it, and check what was exported."""

from release.consume.export import Exported, export
from release.consume.load import load
from release.consume.proven import open_release
from release.consume.stream import stream
from release.consume.verify import verify
from release.consume.written import Wanted

__all__ = ["Exported", "Wanted", "export", "load", "open_release", "stream", "verify"]
