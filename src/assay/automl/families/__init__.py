"""One model family a module; found through the entry points ``assay.families``."""
