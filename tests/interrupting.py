"""Ctrl-C in the middle of a fit."""

from fitting.problem.problem import Problem


def interrupt_at(monkeypatch, call):
    """Ctrl-C at a later look at the residuals; the list holds how many are left until then."""
    inspect, left = Problem.inspect, [call]

    def stopping(self, z):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return inspect(self, z)

    monkeypatch.setattr(Problem, "inspect", stopping)
    return left
