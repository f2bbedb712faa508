"""What checks say."""

from skae.metrics._report import Check, SampleReport


def test_the_worst_is_named_and_lines_are_aligned():
    pairs = Check("pairs differ by", 0.25, None, {("a", 1): 0.4, ("a", "b"): 0.1})
    classes = Check("of the class", 0.9, 0.95, {"x": 1.0, "y": 0.8}, more_is_better=True)
    equal = Check("outside", 0.0, 0.0, {"a": 0.0, "b": 0.0})
    checks = {"pairs": pairs, "classes": classes, "equal": equal}
    assert pairs.worst == ("a", 1)
    assert classes.worst == "y"
    assert Check("told", 0.5).worst is None
    assert repr(SampleReport(checks, {"id": "another value in each row"})).splitlines() == [
        "                 drawn   real  worst",
        "pairs differ by  0.250         a, 1: 0.400",
        "of the class     0.900  0.950  y: 0.800",
        "outside          0.000  0.000",
        "not compared: id (another value in each row)",
    ]
