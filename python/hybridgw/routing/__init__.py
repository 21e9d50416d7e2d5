"""From settings to what a request needs: plans, and nothing that happens during a request."""
