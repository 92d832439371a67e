"""Invoices on one event loop: what happens between two awaits happens at once."""
