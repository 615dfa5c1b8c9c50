"""A plan as C99 source that needs nothing but the mathematics library."""
