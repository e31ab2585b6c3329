"""Runs outside of DVC's graph: plan's commands on a machine without DVC, and results vouched for after a change."""
