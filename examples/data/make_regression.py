# SPDX-License-Identifier: Apache-2.0
"""make_regression.py -- writes X.csv and y.csv here from the copy of the data that scikit-learn carries."""

import os

import numpy as np
from sklearn.datasets import load_breast_cancer

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    source = load_breast_cancer()
    columns = source.data[:, :10]  # the means; the others are their standard errors and extremes
    names = [name.removeprefix("mean ").replace(" ", "_") for name in source.feature_names[:10]]
    scaled = 0.5 * (columns - columns.mean(axis=0)) / columns.std(axis=0)
    with open(os.path.join(HERE, "X.csv"), "w") as f:
        f.write(",".join(["intercept", *names]) + "\n")
        for row in scaled:
            f.write(",".join(["1", *(f"{x:.6g}" for x in row)]) + "\n")
    np.savetxt(os.path.join(HERE, "y.csv"), 1 - source.target, fmt="%d", header="malignant", comments="")


if __name__ == "__main__":
    main()
