"""The far end of the door as a program, and what both ends speak."""
