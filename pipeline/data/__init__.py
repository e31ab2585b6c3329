"""From pinned assets to token files: fetch, read, clean, tokenise, describe; and the project's own sample corpus."""
