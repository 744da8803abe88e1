"""The exception that means "the user can mend this": printed as one sentence, exit code 1."""


class UserError(Exception):
    """A mistake in parameters, data or weights.

    One sentence with a full stop: what was asked, what exists, what to do.
    """
