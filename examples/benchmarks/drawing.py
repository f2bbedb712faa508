"""Is what is drawn what was asked for? Each figure of the guide's page on drawing rows.

python examples/benchmarks/drawing.py classes        # rows drawn for a class are of that class
python examples/benchmarks/drawing.py amounts        # bounds, zeros and whole numbers
python examples/benchmarks/drawing.py conditions     # other columns given the values of some
python examples/benchmarks/drawing.py imputations    # intervals of several imputations
python examples/benchmarks/drawing.py depth          # counts apart from how much was counted
python examples/benchmarks/drawing.py numbers        # spectra for a temperature that is told
python examples/benchmarks/drawing.py balance        # oversampling of rare classes

Each stands in a file of its own, `_drawing_classes.py` and so on, that says how it is judged.
Another figure, of classifiers that learn from drawn rows, is that of `tabular.py`.
"""

import argparse
import importlib
import warnings

CHECKS = ("classes", "amounts", "conditions", "imputations", "depth", "numbers", "balance")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "checks", nargs="*", default=CHECKS, metavar="CHECK", help=", ".join(CHECKS)
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    if unknown := set(args.checks) - set(CHECKS):
        parser.error(f"unknown checks {sorted(unknown)}; there are {', '.join(CHECKS)}")
    warnings.filterwarnings("ignore", category=UserWarning)
    for check in args.checks:
        print(f"== {check}, seeds {args.seeds}", flush=True)
        importlib.import_module(f"_drawing_{check}").report(args.seeds)


if __name__ == "__main__":
    main()
