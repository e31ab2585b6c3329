"""Side-by-side measurements of the pipeline, of the stacks it competes with and of the machine's limit."""
