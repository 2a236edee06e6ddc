"""The known-hash lists: reading list files, and the private store that holds what they say."""

from release.lists.report import ImportReport, ImportRequest, Rejection
from release.lists.store import ListStore
from release.lists.stored import StoredList

__all__ = ["ImportReport", "ImportRequest", "ListStore", "Rejection", "StoredList"]
