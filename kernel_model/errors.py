"""What can be wrong: with a request (the caller's mistake) or with the model itself (ours)."""

from __future__ import annotations


class IllegalOperation(Exception):
    """A request that no user could make: the machine is left as it was."""

    def __init__(self, operation: str, task: str, reason: str) -> None:
        """``operation`` by ``task`` is refused because of ``reason`` (all three are printed)."""
        super().__init__(f"{operation} by {task}: {reason}")
        self.operation = operation
        self.task = task
        self.reason = reason


class ModelBug(Exception):
    """The model broke a rule of its own: never the scenario's fault."""


class LockOrder(ModelBug):
    """A nesting of locks that the kernel does not have, or a self-deadlock."""
