"""What full verifiers, auditors and loaders share: checking data files down to their rows, and remembering logs."""

from release.checks import remembered
from release.checks.columns import role_fault
from release.checks.data import DataChecks
from release.checks.inputs import local_folder, outside, trust_bytes

__all__ = ["DataChecks", "local_folder", "outside", "remembered", "role_fault", "trust_bytes"]
