"""Where the documentation of a class is."""

# Where the site of docs/ is published.
SITE = "https://skae.readthedocs.io/en/stable/"


class Documented:
    """Makes scikit-learn's HTML representation link to the page of the class."""

    _doc_link_module = "skae"
    _doc_link_template = SITE + "generated/{estimator_module}.{estimator_name}.html"
