"""Machines without DVC: run plan's commands there, bring what they left back in one archive. Standard library only."""
