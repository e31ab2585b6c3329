"""How sure a score or a difference is: few seeds, many examples, many comparisons. README.md is its mathematics."""
