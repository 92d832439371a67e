"""The back office: who we sell to, what, what they owe us, and what the figures are."""
