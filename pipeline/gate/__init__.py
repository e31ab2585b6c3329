"""The regression gate: predictions of the accepted state against the present ones. README.md has its figures."""
