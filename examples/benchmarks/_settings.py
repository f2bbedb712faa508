"""Settings of estimators on the command line."""

import ast


def setting(text):
    """``name=value``, the value as Python writes it, or else text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value
