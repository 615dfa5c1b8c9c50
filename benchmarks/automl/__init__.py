"""AutoML side by side: each tool in its own environment, on the same splits and budget."""
