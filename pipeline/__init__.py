"""The experiment as a library, one folder per dependency of a stage."""
