"""What was measured, made readable: tables, figures and the numbers in the README."""
