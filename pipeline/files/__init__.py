"""Plain files: written whole or not at all, named by their content, owned by one process at a time."""
