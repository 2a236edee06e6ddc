"""Makes, audits and consumes vetted releases of datasets."""
