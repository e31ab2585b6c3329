"""Runs side by side, here or on a cluster; without DVC's graph; and results vouched for after a change."""
