"""The ASGI application: routes, authentication, handlers, and the one place that picks a status."""
