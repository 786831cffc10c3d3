"""Functions of each number by itself, and of pairs of numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import config
from ..families import binary, floats, unary
from ..operation import operation

__all__ = [
    "absolute", "negative", "sign", "signbit", "square", "sqrt", "cbrt", "reciprocal", "exp", "exp2", "expm1",
    "log", "log10", "log1p", "log2", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "arcsinh", "arccosh", "arctanh", "sinc", "deg2rad", "rad2deg", "ceil", "floor", "angle", "conjugate",
    "imag", "real", "isreal", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "logical_not",
    "bitwise_invert", "bitwise_not", "copy", "add", "subtract", "multiply", "divide", "true_divide",
    "floor_divide", "mod", "fmod", "power", "maximum", "minimum", "fmax", "fmin", "hypot", "heaviside",
    "logaddexp", "logaddexp2", "arctan2", "nextafter", "gcd", "lcm", "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "abs", "conj", "fabs", "i0",
    "trunc", "round", "clip", "nan_to_num", "divide_no_nan", "ldexp", "isclose", "allclose", "bitwise_and",
    "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift",
]  # fmt: skip

# --- of one number ----------------------------------------------------------------------------

absolute = unary("absolute", jnp.absolute, "`|x|`.")
negative = unary("negative", jnp.negative, "`-x`.")
sign = unary("sign", jnp.sign, "-1, 0 or 1, as `x` is.")
signbit = unary("signbit", jnp.signbit, "Whether `x` is negative, or -0.0.")
square = unary("square", jnp.square, "`x²`.")
sqrt = unary("sqrt", jnp.sqrt, "The square root; NaN below 0.")
cbrt = unary("cbrt", jnp.cbrt, "The cube root.")
reciprocal = unary("reciprocal", jnp.reciprocal, "`1 / x`.")

exp = unary("exp", jnp.exp, "`e^x`.", floats)
exp2 = unary("exp2", jnp.exp2, "`2^x`.", floats)
expm1 = unary("expm1", jnp.expm1, "`e^x - 1`, exact near 0.", floats)
log = unary("log", jnp.log, "The natural logarithm; NaN below 0.")
log10 = unary("log10", jnp.log10, "The logarithm to the base 10.")
log1p = unary("log1p", jnp.log1p, "`log(1 + x)`, exact near 0.")
log2 = unary("log2", jnp.log2, "The logarithm to the base 2.")

sin = unary("sin", jnp.sin, "The sine of radians.", floats)
cos = unary("cos", jnp.cos, "The cosine of radians.", floats)
tan = unary("tan", jnp.tan, "The tangent of radians.", floats)
arcsin = unary("arcsin", jnp.arcsin, "The angle whose sine is `x`.", floats)
arccos = unary("arccos", jnp.arccos, "The angle whose cosine is `x`.", floats)
arctan = unary("arctan", jnp.arctan, "The angle whose tangent is `x`.", floats)
sinh = unary("sinh", jnp.sinh, "`(e^x - e^-x) / 2`.", floats)
cosh = unary("cosh", jnp.cosh, "`(e^x + e^-x) / 2`.", floats)
tanh = unary("tanh", jnp.tanh, "`sinh(x) / cosh(x)`.", floats)
arcsinh = unary("arcsinh", jnp.arcsinh, "The inverse of sinh.", floats)
arccosh = unary("arccosh", jnp.arccosh, "The inverse of cosh, for `x >= 1`.", floats)
arctanh = unary("arctanh", jnp.arctanh, "The inverse of tanh, for `|x| < 1`.", floats)
sinc = unary("sinc", jnp.sinc, "`sin(πx) / (πx)`, and 1 at 0.", floats)
deg2rad = unary("deg2rad", jnp.deg2rad, "Degrees as radians.")
rad2deg = unary("rad2deg", jnp.rad2deg, "Radians as degrees.")

ceil = unary("ceil", jnp.ceil, "The least whole number not below `x`, as a float.", floats)
floor = unary("floor", jnp.floor, "The greatest whole number not above `x`, as a float.", floats)

angle = unary("angle", jnp.angle, "The angle of a complex number.", floats)
conjugate = unary("conjugate", jnp.conjugate, "The complex conjugate.")
imag = unary("imag", jnp.imag, "The imaginary part.")
real = unary("real", jnp.real, "The real part.")
isreal = unary("isreal", jnp.isreal, "Whether the imaginary part is 0.")
isfinite = unary("isfinite", jnp.isfinite, "Whether `x` is a number and not infinite.")
isinf = unary("isinf", jnp.isinf, "Whether `x` is infinite.")
isnan = unary("isnan", jnp.isnan, "Whether `x` is NaN.")
isneginf = unary("isneginf", jnp.isneginf, "Whether `x` is minus infinity.")
isposinf = unary("isposinf", jnp.isposinf, "Whether `x` is plus infinity.")
logical_not = unary("logical_not", jnp.logical_not, "Whether `x` is 0 or False.")
bitwise_invert = unary("bitwise_invert", jnp.invert, "Every bit flipped.")
bitwise_not = unary("bitwise_not", jnp.invert, "Every bit flipped.")
copy = unary("copy", jnp.copy, "`x`, in an array of its own.")

# --- of two -----------------------------------------------------------------------------------

add = binary("add", jnp.add, "`x1 + x2`.")
subtract = binary("subtract", jnp.subtract, "`x1 - x2`.")
multiply = binary("multiply", jnp.multiply, "`x1 * x2`.")
divide = binary("divide", jnp.divide, "`x1 / x2`.")
true_divide = binary("true_divide", jnp.divide, "`x1 / x2`.")
floor_divide = binary("floor_divide", jnp.floor_divide, "`x1 / x2`, rounded down.")
mod = binary("mod", jnp.mod, "What `floor_divide` leaves, with the sign of `x2`.")
fmod = binary("fmod", jnp.fmod, "What division leaves, with the sign of `x1`.")
power = binary("power", jnp.power, "`x1` to the power `x2`.")
maximum = binary("maximum", jnp.maximum, "The greater; NaN if one is NaN.")
minimum = binary("minimum", jnp.minimum, "The lesser; NaN if one is NaN.")
fmax = binary("fmax", jnp.fmax, "The greater; the other one if one is NaN.")
fmin = binary("fmin", jnp.fmin, "The lesser; the other one if one is NaN.")
hypot = binary("hypot", jnp.hypot, "`sqrt(x1² + x2²)`, without overflow.")
heaviside = binary("heaviside", jnp.heaviside, "0 below 0, 1 above, and `x2` at `x1 == 0`.")
logaddexp = binary("logaddexp", jnp.logaddexp, "`log(e^x1 + e^x2)`, without overflow.", floats)
logaddexp2 = binary("logaddexp2", jnp.logaddexp2, "`log2(2^x1 + 2^x2)`, without overflow.", floats)
arctan2 = binary("arctan2", jnp.arctan2, "The angle of the point `(x2, x1)`.", floats)
nextafter = binary("nextafter", jnp.nextafter, "The next number after `x1` towards `x2`.")
gcd = binary("gcd", jnp.gcd, "The greatest common divisor of whole numbers.")
lcm = binary("lcm", jnp.lcm, "The least common multiple of whole numbers.")

equal = binary("equal", jnp.equal, "Whether `x1 == x2`.")
not_equal = binary("not_equal", jnp.not_equal, "Whether `x1 != x2`.")
less = binary("less", jnp.less, "Whether `x1 < x2`.")
less_equal = binary("less_equal", jnp.less_equal, "Whether `x1 <= x2`.")
greater = binary("greater", jnp.greater, "Whether `x1 > x2`.")
greater_equal = binary("greater_equal", jnp.greater_equal, "Whether `x1 >= x2`.")
logical_and = binary("logical_and", jnp.logical_and, "Whether both are true.")
logical_or = binary("logical_or", jnp.logical_or, "Whether one is true.")
logical_xor = binary("logical_xor", jnp.logical_xor, "Whether one is true and the other is not.")


def abs(x: ArrayLike) -> jax.Array:
    """`|x|`; the same as `absolute`.

    Shapes: any -> same.

    >>> abs(-2.0).item()
    2.0
    """
    return absolute(x)


def conj(x: ArrayLike) -> jax.Array:
    """The complex conjugate; the same as `conjugate`.

    Shapes: any -> same.

    >>> conj(1 + 2j).item()
    (1-2j)
    """
    return conjugate(x)


@operation()
def fabs(x: ArrayLike) -> jax.Array:
    """`|x|` as a float.

    Shapes: any -> same. Raises TypeError for complex numbers.

    >>> fabs(-2).item()
    2.0
    """
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise TypeError(f"fabs takes real numbers; received dtype {x.dtype}. Use absolute.")
    return jnp.fabs(x)


@operation()
def i0(x: ArrayLike) -> jax.Array:
    """The modified Bessel function of the first kind, of order 0.

    Shapes: any -> same.

    >>> i0(0.0).round(3).item()
    1.0
    """
    return jnp.i0(floats(x))


@operation()
def trunc(x: ArrayLike) -> jax.Array:
    """`x` without its fraction; whole numbers as they are.

    Shapes: any -> same.

    >>> trunc(-1.7).item()
    -1.0
    """
    x = jnp.asarray(x)
    return jnp.trunc(x) if jnp.issubdtype(x.dtype, jnp.inexact) else x


@operation("decimals")
def round(x: ArrayLike, decimals: int = 0) -> jax.Array:
    """The nearest number with so many decimals; halves go to the even one.

    Shapes: any -> same.
    decimals: may be negative: -1 rounds to tens.

    >>> round(2.5).item(), round(1234, -2).item()
    (2.0, 1200)
    """
    x = jnp.asarray(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):
        factor = 10.0**decimals
        return (jnp.round(x.astype(config.floatx()) * factor) / factor).astype(x.dtype)
    return jnp.round(x, decimals)


@operation("x_min", "x_max")
def clip(x: ArrayLike, x_min: Any, x_max: Any) -> jax.Array:
    """`min(max(x, x_min), x_max)`.

    Shapes: any -> same. x_min, x_max: None for no bound.

    >>> clip([1.0, 5.0], 2.0, 3.0).tolist()
    [2.0, 3.0]
    """
    x = jnp.asarray(x)
    return jnp.clip(x.astype("int32") if x.dtype == jnp.bool_ else x, x_min, x_max)


@operation("nan", "posinf", "neginf")
def nan_to_num(x: ArrayLike, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> jax.Array:
    """`x` with other numbers for NaN and the infinities.

    Shapes: any -> same. posinf, neginf: the greatest and the least number of the dtype for None.

    >>> nan_to_num(jnp.nan, nan=2.0).item()
    2.0
    """
    return jnp.nan_to_num(jnp.asarray(x), nan=nan, posinf=posinf, neginf=neginf)


@operation()
def divide_no_nan(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """`x1 / x2`, and 0 where `x2` is 0, in the gradient too.

    Shapes: (...), (...) -> broadcast.

    >>> divide_no_nan([2.0, 3.0], [4.0, 0.0]).tolist()
    [0.5, 0.0]
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    return jnp.where(x2 == 0, 0, jnp.divide(x1, jnp.where(x2 == 0, 1, x2)))


@operation()
def ldexp(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """`x1 * 2^x2`.

    Shapes: (...), (...) -> broadcast. Raises TypeError unless `x2` holds integers.

    >>> ldexp(3.0, 2).item()
    12.0
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    if not jnp.issubdtype(x2.dtype, jnp.integer):
        raise TypeError(f"ldexp needs integers for x2; received dtype {x2.dtype}.")
    return jnp.ldexp(x1, x2)


@operation("equal_nan")
def isclose(x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> jax.Array:
    """Whether `|x1 - x2| <= atol + rtol * |x2|`.

    Shapes: (...), (...) -> broadcast. equal_nan: whether NaN is close to NaN.

    >>> isclose([1.0, 2.0], [1.0, 2.1]).tolist()
    [True, False]
    """
    return jnp.isclose(jnp.asarray(x1), jnp.asarray(x2), rtol, atol, equal_nan)


@operation("rtol", "atol", "equal_nan", name="AllClose")
def allclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> jax.Array:  # fmt: skip
    """Whether `isclose` holds everywhere.

    Shapes: (...), (...) -> ().

    >>> allclose([1.0, 2.0], [1.0, 2.0]).item()
    True
    """
    return jnp.allclose(jnp.asarray(x1), jnp.asarray(x2), rtol, atol, equal_nan)


# --- bits -------------------------------------------------------------------------------------


@operation()
def bitwise_and(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """The bits that both have.

    Shapes: (...), (...) -> broadcast.

    >>> bitwise_and(6, 3).item()
    2
    """
    return jnp.bitwise_and(jnp.asarray(x), jnp.asarray(y))


@operation()
def bitwise_or(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """The bits that one of them has.

    Shapes: (...), (...) -> broadcast.

    >>> bitwise_or(6, 3).item()
    7
    """
    return jnp.bitwise_or(jnp.asarray(x), jnp.asarray(y))


@operation()
def bitwise_xor(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """The bits that just one of them has.

    Shapes: (...), (...) -> broadcast.

    >>> bitwise_xor(6, 3).item()
    5
    """
    return jnp.bitwise_xor(jnp.asarray(x), jnp.asarray(y))


@operation()
def left_shift(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """`x * 2^y`, in bits.

    Shapes: (...), (...) -> broadcast.

    >>> left_shift(3, 2).item()
    12
    """
    return jnp.left_shift(jnp.asarray(x), y if isinstance(y, int) else jnp.asarray(y))


@operation()
def right_shift(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """`x / 2^y`, in bits.

    Shapes: (...), (...) -> broadcast.

    >>> right_shift(12, 2).item()
    3
    """
    return jnp.right_shift(jnp.asarray(x), y if isinstance(y, int) else jnp.asarray(y))


@operation()
def bitwise_left_shift(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """`x * 2^y`, in bits; the same as `left_shift`.

    Shapes: (...), (...) -> broadcast.

    >>> bitwise_left_shift(3, 2).item()
    12
    """
    return left_shift(x, y)


@operation()
def bitwise_right_shift(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """`x / 2^y`, in bits; the same as `right_shift`.

    Shapes: (...), (...) -> broadcast.

    >>> bitwise_right_shift(12, 2).item()
    3
    """
    return right_shift(x, y)
