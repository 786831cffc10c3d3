"""Small utilities: progress of one's own, settings, switches, scopes, what is absent."""

from __future__ import annotations

import importlib
import logging

import jax
import numpy as np
import pytest

import fkeras
from fkeras import absent, config, layers, models, utils


def test_progbar(capsys):
    bar = utils.Progbar(4, verbose=1, interval=0, stateful_metrics=["lr"])
    for i in range(4):
        bar.add(1, [("loss", float(i)), ("lr", 0.1 * i)])
    lines = capsys.readouterr().out.split("\r")
    assert lines[1].startswith("1/4 ━━━━━───────────────") and "loss: 0.0000" in lines[1]
    last = lines[-1].rstrip()  # a line that got shorter ends in spaces
    assert last.startswith("4/4 ━━━━━━━━━━━━━━━━━━━━") and last.endswith("loss: 1.5000 - lr: 0.3000")
    utils.Progbar(None, verbose=2).update(3, {"a": np.float32(2)}, finalize=True)
    assert "3/Unknown" in capsys.readouterr().out
    utils.Progbar(2, verbose=0).update(2)
    assert not capsys.readouterr().out


def test_interactive_logging(capsys, caplog):
    utils.disable_interactive_logging()
    with caplog.at_level(logging.INFO, logger="fkeras"):
        utils.Progbar(1, verbose=2).update(1)
    assert "1/1" in caplog.text and not capsys.readouterr().out
    utils.enable_interactive_logging()
    assert utils.is_interactive_logging_enabled() and fkeras.config.is_interactive_logging_enabled()


def test_config_as_in_keras():
    from keras.utils import Config as Oracle

    for Kind in (utils.Config, Oracle):
        c = Kind(a=1)
        c.b, c["d"] = 2, 3
        c.update({"e": 4})
        assert c.pop("e") == 4 and c.as_dict() == {"a": 1, "b": 2, "d": 3} and c.get("z", 9) == 9 and "b" in c
        assert list(c) == ["a", "b", "d"] and len(c) == 3 and not c.frozen
        c.freeze()
        with pytest.raises(ValueError, match="frozen"):
            c.new = 2
        c.unfreeze()
        with pytest.raises(AttributeError):
            c.z


def test_switches():
    config.enable_flash_attention()
    assert config.is_flash_attention_enabled()
    config.disable_flash_attention()
    assert config.is_flash_attention_enabled() is False
    config.disable_traceback_filtering()
    assert jax.config.jax_traceback_filtering == "off" and not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert jax.config.jax_traceback_filtering == "auto"
    with pytest.raises(NotImplementedError, match="custom_objects"):
        config.enable_unsafe_deserialization()


def test_scopes():
    with fkeras.device("cpu:0"):
        assert layers.Dense(1)(np.ones((1, 1))).device.platform == "cpu"
    with pytest.raises(ValueError, match="cpu:0"):
        fkeras.device("gpu:7")
    x = layers.Input((2,))
    f = fkeras.Function({"x": x}, [x + 1.0, x * 2.0])
    a, b = f({"x": np.ones((1, 2))})
    assert np.asarray(a).tolist() == np.asarray(b).tolist() == [[2.0, 2.0]] and f.inputs == [x]
    assert jax.grad(fkeras.remat(lambda v: v**2))(3.0) == 6.0
    for scope in (fkeras.StatelessScope, fkeras.SymbolicScope, fkeras.RematScope):
        with pytest.raises(NotImplementedError, match="has no place"):
            scope()


def test_source_inputs():
    a, b, c = (layers.Input((2,)) for _ in range(3))
    assert utils.get_source_inputs(layers.Dense(1)(layers.add([b, a]) * b)) == [b, a]
    assert utils.get_source_inputs(c) == [c] and utils.get_source_inputs(3) == [3]
    assert models.Model(utils.get_source_inputs(c), layers.Dense(1)(c)).inputs == [c]


@pytest.mark.parametrize("name", absent.MODULES)
def test_absent_modules_say_what_to_do(name):
    module = importlib.import_module(f"fkeras.{name}")
    assert getattr(fkeras, name) is module and module.__doc__
    oracle = importlib.import_module(f"keras.{name}")
    public = [n for n in dir(oracle) if not n.startswith("_")]
    assert public
    for known in public:
        with pytest.raises(ImportError, match="There"):
            getattr(module, known)
    with pytest.raises(AttributeError):
        module.nothing


def test_configs_of_keras_2():
    from fkeras.legacy.saving import deserialize_keras_object, serialize_keras_object
    from fkeras.regularizers import L2

    assert deserialize_keras_object(serialize_keras_object(L2(0.5)), {"L2": L2}).l2 == 0.5
    assert deserialize_keras_object("L2", {"L2": L2}) is L2 and serialize_keras_object(None) is None
    with pytest.raises(ValueError, match="L3"):
        deserialize_keras_object("L3", {"L2": L2})
