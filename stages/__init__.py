"""The stages of dvc.yaml, one module each: parse the arguments, call the pipeline, write the files."""
