"""Programs of ours that make what the repository holds, or what it runs on."""
