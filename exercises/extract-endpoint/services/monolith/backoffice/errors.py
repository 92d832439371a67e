"""What a client is told when it cannot have what it wants."""

from __future__ import annotations


class ApiError(Exception):
    """An answer of 4xx. `field` is what was wrong in the body, where it was the body."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field

    def body(self) -> dict[str, str]:
        return {"error": self.message} | ({"field": self.field} if self.field else {})
