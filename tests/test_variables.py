import pickle

import array_api_strict
import numpy as np
import pytest
from scipy import stats

from imagefeed import Bernoulli, Choice, Integers, LogUniform, Normal, SpecError, Uniform, Variable

EXAMPLES = [
    Uniform(-2.0, 3.0),
    Uniform(0.5, 0.5, shape=(4, 2)),
    LogUniform(0.1, 10.0, shape=(3,)),
    Normal(1.0, 2.0),
    Normal(shape=(2, 2)),
    Integers(-1, 4),
    Choice((1.0, 2.5, 7.0), weights=(1.0, 0.0, 3.0)),
    Bernoulli(0.25, shape=(2,)),
]


def numbers(variable: Variable, rows: int = 4000) -> np.ndarray:
    return np.random.default_rng(5).random((rows, variable.count))


@pytest.mark.parametrize("variable", EXAMPLES, ids=repr)
def test_conforms(variable: Variable) -> None:
    uniform = numbers(variable, 10)
    uniform.flags.writeable = False
    values = variable.sample(uniform, np)
    assert values.shape == (10, *variable.shape)
    np.testing.assert_array_equal(variable.sample(uniform[3:5], np), values[3:5])
    assert eval(repr(variable)) == variable
    assert pickle.loads(pickle.dumps(variable)) == variable
    assert hash(variable) == hash(eval(repr(variable)))
    strict = variable.sample(array_api_strict.asarray(uniform), array_api_strict)
    np.testing.assert_allclose(np.asarray(strict), values)


@pytest.mark.parametrize(
    ("variable", "distribution"),
    [
        (Uniform(-2.0, 3.0), stats.uniform(-2, 5)),
        (LogUniform(0.1, 10.0), stats.loguniform(0.1, 10)),
        (Normal(1.0, 2.0), stats.norm(1, 2)),
    ],
    ids=["uniform", "log-uniform", "normal"],
)
def test_continuous_distributions(variable: Variable, distribution: object) -> None:
    assert stats.kstest(variable.sample(numbers(variable), np), distribution.cdf).pvalue > 0.01  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (Integers(-1, 2), {-1: 0.25, 0: 0.25, 1: 0.25, 2: 0.25}),
        (Choice((1.0, 2.5)), {1.0: 0.5, 2.5: 0.5}),
        (Choice((1.0, 2.5, 7.0), weights=(1.0, 0.0, 3.0)), {1.0: 0.25, 7.0: 0.75}),
        (Bernoulli(0.2), {True: 0.2, False: 0.8}),
        (Bernoulli(0.0), {False: 1.0}),
        (Bernoulli(1.0), {True: 1.0}),
    ],
    ids=repr,
)
def test_discrete_distributions(variable: Variable, expected: dict[float, float]) -> None:
    values, counts = np.unique(variable.sample(numbers(variable), np), return_counts=True)
    assert dict(zip(values.tolist(), (counts / 4000).tolist(), strict=True)) == pytest.approx(expected, abs=0.03)


def test_ends_of_the_unit_interval() -> None:
    ends = np.array([[0.0], [1 - 2.0**-53]])
    assert Integers(0, 2**53 - 1).sample(ends, np).tolist() == [0, 2**53 - 1]
    assert Choice((1, 2), weights=(0.0, 1.0)).sample(ends, np).tolist() == [2, 2]
    assert Choice((1, 2), weights=(1.0, 0.0)).sample(ends, np).tolist() == [1, 1]
    assert Uniform(2.0, 5.0).sample(ends, np)[0] == 2.0
    assert LogUniform(2.0, 5.0).sample(ends, np)[0] == 2.0
    assert Bernoulli(0.0).sample(ends, np).tolist() == [False, False]
    assert Bernoulli(1.0).sample(ends, np).tolist() == [True, True]
    assert np.isfinite(Normal().sample(np.array([[0.0, 0.0]]), np)).all()
    assert np.isfinite(Normal().sample(np.array([[1 - 2.0**-53, 0.0]]), np)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(3, 2), "Uniform.low: got 3; it must not exceed high, which is 2"),
        (lambda: Uniform("a", 2), "Uniform.low: got 'a'; expected a number"),
        (lambda: Uniform(0, float("inf")), "Uniform.high: got inf; expected a number"),
        (
            lambda: Uniform(0, 1, shape=[2]),
            r"Uniform.shape: got \[2\]; expected a tuple of positive integers",
        ),
        (lambda: LogUniform(0, 1), "LogUniform.low: got 0; expected a number above 0"),
        (lambda: LogUniform(2, 1), "LogUniform.low: got 2; it must not exceed high"),
        (lambda: Normal(0, -1), "Normal.std: got -1; expected a number of at least 0"),
        (lambda: Integers(0, 1.5), "Integers.high: got 1.5; expected an integer"),
        (
            lambda: Integers(0, 2**53),
            "Integers.high: got 9007199254740992; expected fewer than 2\\*\\*53 values",
        ),
        (lambda: Choice(()), r"Choice.values: got \(\); expected a tuple of at least one number"),
        (lambda: Choice((1, 2), (1,)), r"Choice.weights: got \(1,\); expected one for each of the 2 values"),
        (lambda: Choice((1, 2), (0, 0)), r"Choice.weights: got \(0, 0\); none may be negative, and one must"),
        (lambda: Bernoulli(1.5), "Bernoulli.probability: got 1.5; expected a number from 0 to 1"),
        (lambda: Bernoulli(True), "Bernoulli.probability: got True; expected a number"),
    ],
)
def test_errors_say_what_was_expected(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()
