"""What a run did: its event file while it lives, its record when it is done. Standard library only."""
