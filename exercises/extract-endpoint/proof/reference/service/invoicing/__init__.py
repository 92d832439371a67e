"""Invoices, moved out of the back office."""
