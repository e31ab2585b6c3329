"""From a run file to trained weights: one loop for one task or several, resumable at any step."""
