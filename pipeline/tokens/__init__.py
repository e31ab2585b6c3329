"""Token files: the form in which training and evaluation read a data set."""
