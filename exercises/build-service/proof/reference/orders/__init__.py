"""Orders, each reserved at the inventory service exactly once."""
