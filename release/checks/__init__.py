"""What full verifiers, auditors and loaders share: checking data files down to their rows, and remembering logs."""

from release.checks import remembered
from release.checks.columns import metadata_fault, role_fault, without_bytes
from release.checks.data import DataChecks
from release.checks.inputs import local_folder, outside, trust_bytes

__all__ = ["DataChecks", "local_folder", "metadata_fault", "outside", "remembered", "role_fault", "trust_bytes", "without_bytes"]
