"""Runs: where their files lie, which there are, what code they execute, and the records of what they did."""
