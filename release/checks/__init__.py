"""What full verifiers, auditors and loaders share: checking data files down to their rows, and remembering logs."""

from release.checks import remembered
from release.checks.columns import metadata_fault, role_fault, without_bytes
from release.checks.data import Checking, DataChecks, pool_for
from release.checks.inputs import local_folder, outside, trust_bytes

__all__ = [
    "Checking",
    "DataChecks",
    "local_folder",
    "metadata_fault",
    "outside",
    "pool_for",
    "remembered",
    "role_fault",
    "trust_bytes",
    "without_bytes",
]
