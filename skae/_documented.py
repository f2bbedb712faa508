"""The public classes, and where their documentation is."""

# Where the site of docs/ is published.
SITE = "https://skae.readthedocs.io/en/stable/"
VERSION = "0.1.0.dev0"
# By their names, which are what files know them by.
PUBLIC: dict = {}


def public(cls):
    """Note a public class under its name."""
    PUBLIC[cls.__name__] = cls
    return cls


class Documented:
    """Makes scikit-learn's HTML representation link to the page of the class."""

    _doc_link_module = "skae"
    _doc_link_template = SITE + "generated/{estimator_module}.{estimator_name}.html"
