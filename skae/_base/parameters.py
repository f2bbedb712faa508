"""Constructors, constraints and docstrings of the public estimators, from what they share.

What two or more classes have is in `skae._base.shared`, of attributes in `shared_attributes`, once:
its constraint and its sentences. A class writes its signature in full, ``keep(self, locals())`` as
the body of its constructor, and ``.. shared::`` in its docstring; `public` does the rest when the
class is made. What a class writes itself, in its docstring or in `_parameter_constraints`, wins.

So signatures, which are the API, stand where readers and tools look for them, there is one sentence
for one thing, and a docstring has the defaults of the signature. The price: an editor that shows
docstrings without running the code has the marker in place of the sentences, and a type checker
that does not run it sees no attributes assigned. The alternatives cost more: 25 assignments in each
class (or as many arguments handed up, and constructors above that take them); constructors that are
generated, whose signature is in no file; a thousand lines of text repeated, kept in step by a test.

``.. shared::`` under "Parameters" or "Attributes" stands for what is not written there: parameters
in the order of the signature, attributes in that of the table, after those that are not in it. It
may name kinds of models, ``.. shared:: adversarial, labels``: where the table has words for such a
kind they are taken, for the last before the first. Within an entry the marker stands for the
sentences of the table, so that others can be added; an entry without a type has that of the table,
and the default of the signature.
"""

import inspect
import re
import textwrap
from functools import cache

from skae._base.shared import PARAMETERS
from skae._base.shared_attributes import ATTRIBUTES
from skae._documented import public as register

MARK = ".. shared::"
KINDS = {kind for table in (PARAMETERS, ATTRIBUTES) for of in table.values() for kind in of.words}
# Of a line, less what a docstring is indented by.
WIDTH = 96


def keep(estimator, given):
    """Assign the arguments of a constructor, whose body is ``keep(self, locals())``.

    Of what is given it takes the parameters of the class and of those above it: a subclass may have
    others, and hand on only what this constructor takes.
    """
    for cls in type(estimator).__mro__:
        for name in _parameters(vars(cls).get("__init__")):
            if name in given:
                setattr(estimator, name, given[name])


@cache
def _parameters(constructor):
    if constructor is None:
        return ()
    _, *parameters = inspect.signature(constructor).parameters.values()
    return tuple(p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))


def constraints_of(names):
    """The constraints of shared parameters, as scikit-learn has them."""
    return {name: PARAMETERS[name].constraint for name in names if name in PARAMETERS}


def public(cls):
    """Give an estimator its constraints and the sentences of its docstring, and note it as public.

    Raises
    ------
    TypeError
        If of a parameter neither the class nor the table says what it may be and what it means, or
        if the class says it of one that it does not take.
    """
    taken = inspect.signature(cls).parameters
    own = vars(cls).get("_parameter_constraints", {})
    cls._parameter_constraints = {**constraints_of(taken), **own}
    _check_names(cls, "_parameter_constraints", cls._parameter_constraints, taken)
    if cls.__doc__ is not None:  # as it is in python -OO
        text = inspect.cleandoc(cls.__doc__)
        text = _replace_section(cls, text, "Parameters", lambda s: _fill_parameters(cls, s, taken))
        text = _replace_section(cls, text, "Attributes", lambda s: _fill_attributes(cls, s, taken))
        cls.__doc__ = text
    return register(cls)


def _check_names(cls, where, found, taken):
    if missing := [name for name in taken if name not in found]:
        raise TypeError(
            f"{cls.__name__} takes {missing}, of which there is nothing in its {where}, nor in the "
            "table of shared parameters where that is to fill it in. Add it to one of them."
        )
    if unknown := [name for name in found if name not in taken]:
        raise TypeError(
            f"{cls.__name__} has {unknown} in its {where}, but does not take it. Remove it, or add "
            "it to the signature."
        )


def _replace_section(cls, text, title, replace):
    start = rf"(?<=^{title}\n{'-' * len(title)}\n)"
    pattern = re.compile(rf"{start}.+?(?=\n\n[^\n]+\n-+\n|\Z)", re.DOTALL | re.MULTILINE)
    text, n_found = pattern.subn(lambda found: replace(found[0]), text)
    if n_found != 1:
        raise TypeError(f"The docstring of {cls.__name__} needs one section '{title}'.")
    return text


def _read(cls, section):
    """The entries that are written, ``{name: (head, below)}``, and the kinds that the mark names.

    Without a mark these are None.
    """
    entries, kinds = {}, None
    for entry in re.split(r"\n(?=\S)", section):
        head, _, below = entry.partition("\n")
        if not head.startswith(MARK):
            entries[head.split(" : ")[0]] = head, below
            continue
        kinds = re.findall(r"\w+", head.removeprefix(MARK))
        if not KINDS.issuperset(kinds):
            raise TypeError(
                f"The docstring of {cls.__name__} has '{head}', but there are words for "
                f"{sorted(KINDS)} only."
            )
    return entries, kinds


def _fill_parameters(cls, section, taken):
    entries, kinds = _read(cls, section)
    shared = {} if kinds is None else {name: None for name in taken if name in PARAMETERS}
    _check_names(cls, "docstring", {**shared, **entries}, taken)
    return "\n".join(
        _entry(name, PARAMETERS.get(name), kinds, entries.get(name), _default(taken[name]))
        for name in taken
    )


def _fill_attributes(cls, section, taken):
    entries, kinds = _read(cls, section)
    table = ATTRIBUTES if kinds is not None else {}
    own = [name for name in entries if name not in table]
    shared = [name for name in table if name in entries or taken.keys() & table[name].of]
    return "\n".join(
        _entry(name, table.get(name), kinds, entries.get(name)) for name in own + shared
    )


def _entry(name, shared, kinds, written, default=""):
    head, below = written or (name, MARK)
    if shared is None and (" : " not in head or MARK in below):
        raise TypeError(
            f"A docstring leaves '{name}' to the table of what is shared, which does not have it."
        )
    if " : " not in head:
        head = f"{head} : {shared.type}{default}"
    if MARK in below:
        words = [shared.words[kind] for kind in kinds or () if kind in shared.words]
        text = " ".join(below.split()).replace(MARK, [shared.text, *words][-1])
        below = textwrap.indent(
            textwrap.fill(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False), "    "
        )
    return f"{head}\n{below}"


def _default(parameter):
    value = parameter.default
    if value is parameter.empty:
        return ""
    return f', default="{value}"' if isinstance(value, str) else f", default={value!r}"
