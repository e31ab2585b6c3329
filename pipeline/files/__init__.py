"""Plain files: written whole or not at all, and named by their content."""
