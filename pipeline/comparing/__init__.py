"""Two rows, revisions or MLflow runs side by side: what differs in them, their scores, the examples that flipped."""
