"""The review of a change: what it leaves stale, what had to be run again, and what the gate says of the results."""
