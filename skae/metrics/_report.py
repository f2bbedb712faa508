"""What checks say, as a table."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """What one check says.

    Parameters
    ----------
    text : str
        What is checked.
    drawn : float
        The figure of the drawn rows.
    real : float or None
        What real rows have, where that is known.
    by : dict
        The figure of the drawn rows by column, pair of columns or class, where it has those.
    more_is_better : bool
        Which of those is the worst.
    """

    text: str
    drawn: float
    real: float | None = None
    by: dict = field(default_factory=dict)
    more_is_better: bool = False

    @property
    def worst(self):
        """Where the drawn rows are worst: a column, a pair of columns or a class; or None."""
        choose = min if self.more_is_better else max
        return choose(self.by, key=self.by.get) if self.by else None

    def _line(self):
        real = "" if self.real is None else f"{self.real:.3f}"
        worst = self.worst
        # Where all are alike, as where nothing is amiss, none is the worst.
        if len(set(self.by.values())) < 2:
            return [self.text, f"{self.drawn:.3f}", real, ""]
        names = worst if isinstance(worst, tuple) else (worst,)
        where = f"{', '.join(map(str, names))}: {self.by[worst]:.3f}"
        return [self.text, f"{self.drawn:.3f}", real, where]


class SampleReport(dict):
    """A `Check` for each name; it is printed as a table.

    Parameters
    ----------
    checks : dict
    left_out : dict
        The columns that are not compared, and why.
    """

    def __init__(self, checks, left_out=None):
        super().__init__(checks)
        self.left_out = {} if left_out is None else left_out

    def __repr__(self):
        lines = [["", "drawn", "real", "worst"], *(check._line() for check in self.values())]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        table = [
            f"{text:{widths[0]}}  {drawn:>{widths[1]}}  {real:>{widths[2]}}  {worst}".rstrip()
            for text, drawn, real, worst in lines
        ]
        return "\n".join(
            [*table, *map("not compared: {0[0]} ({0[1]})".format, self.left_out.items())]
        )
