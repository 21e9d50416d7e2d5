"""The one error that a configuration can end in.

It names the place, the key, what is wrong and how to mend it, because it is read by somebody whose
gateway has just refused to start. It is no GatewayError: no client ever sees it. Its text never
holds the value of a secret; loaders quote values only of keys that are no credentials.
"""


class ConfigError(Exception):
    """The configuration cannot be used. Prints as "file:line: key: what is wrong; how to fix"."""

    def __init__(self, where: str, key: str, message: str, fix: str) -> None:
        self.where = where
        """file:line, or the file where no line applies."""
        self.key = key
        """Dotted path of the key, or "" for the file as a whole."""
        self.message = message
        self.fix = fix
        place = f"{where}: {key}" if key else where
        super().__init__(f"{place}: {message}; {fix}")
