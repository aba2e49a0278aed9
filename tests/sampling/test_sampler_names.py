from __future__ import annotations

import json
import subprocess
import sys

import pytest

import resources
from core.sampling.names import sampler_names, scheduler_names
from core.sampling.samplers import sampler_named


def test_names_are_those_of_the_node_in_its_order():
    nodes = json.loads(resources.path("comfy_nodes.json").read_text(encoding="utf-8"))
    inputs = nodes["KSampler"]["inputs"]["required"]
    assert list(sampler_names()) == inputs["sampler_name"]["options"]
    assert list(scheduler_names()) == inputs["scheduler"]["options"]


@pytest.mark.parametrize("name", sampler_names())
def test_every_name_has_a_sampler(name):
    assert callable(sampler_named(name))


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match=r"unknown sampler 'eular'.*euler"):
        sampler_named("eular")


def test_the_names_do_not_need_torch():
    code = "import sys, core.sampling.names; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
