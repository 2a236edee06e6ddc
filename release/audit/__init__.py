"""The auditor's workbench: check a candidate, say what was found under one's own key, and cosign what is published."""

from release.audit.runner import SKIPPABLE, Audited, Request, audit, cosign

__all__ = ["SKIPPABLE", "Audited", "Request", "audit", "cosign"]
