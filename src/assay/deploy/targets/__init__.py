"""Where an endpoint runs."""
