"""`python -m audit_logs`: the light verifier."""

from __future__ import annotations

import sys

from audit_logs.cli import main

sys.exit(main())
