"""Wire protocols: what a request and an answer look like to a client."""
