"""The model as a product: packed with all that it needs, registered in MLflow, served, promoted through the gate."""
