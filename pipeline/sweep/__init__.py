"""A search over a row's numbers with Optuna: its trials are runs, scored by examples held out of training."""
