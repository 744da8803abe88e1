"""The one exception that means "the user can mend this": stages and commands print it as a sentence and exit with 1."""


class UserError(Exception):
    """A mistake in parameters, data or weights: one sentence that says what was asked, what exists and what to do."""
