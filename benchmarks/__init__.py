"""Our overhead, each figure a ratio against a floor measured in the same run. Absolute times mean nothing elsewhere."""
