"""Feature definitions over the flights out of New York City in 2013: entities, sources, views and services."""
