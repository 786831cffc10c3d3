"""Initializers: the first values of weights, from a key or a seed and a shape."""

from .drawn import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    fans,
)
from .given import STFT, Constant, Identity, Ones, Zeros
from .initializer import KIND, Initializer, deserialize, fill, get, serialize

constant, zeros, ones, stft = Constant, Zeros, Ones, STFT
identity = IdentityInitializer = Identity
orthogonal = OrthogonalInitializer = Orthogonal
STFTInitializer = STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, glorot_uniform, glorot_normal = VarianceScaling, GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
