"""params.yaml, checked, and the complete run files that plan makes of it."""
