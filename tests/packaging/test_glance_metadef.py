# SPDX-License-Identifier: Apache-2.0
"""The metadata definition for Horizon: by Glance's own schema, loader and database, and by the grammar of the mask."""

import contextlib
import json
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, check_mask
from irqaffinity.model.verdict import Status
from tests.artefacts import TREE
from tests.packaging.openstack_services import environment

METADEF = TREE / "etc/glance/metadefs/irqaffinity.json"
NAMESPACE = json.loads(METADEF.read_text())
(PROPERTY,) = NAMESPACE["properties"].values()


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("nova-34") / "bin/python"


def test_glance_accepts_it_by_its_schema(python: Path) -> None:
    code = """if True:
        import json, sys
        from glance.api.v2 import metadef_namespaces
        metadef_namespaces.get_schema().validate(json.load(open(sys.argv[1])))
    """
    subprocess.run([python, "-I", "-W", "ignore", "-c", code, METADEF], check=True)


def test_glance_manage_loads_it_for_horizon_to_offer(python: Path, tmp_path: Path) -> None:
    conf, database = tmp_path / "glance.conf", tmp_path / "glance.sqlite"
    conf.write_text(f"[database]\nconnection = sqlite:///{database}\n")
    for command in (["db_sync"], ["db_load_metadefs", METADEF]):
        manage = [python, "-I", "-W", "ignore", "-m", "glance.cmd.manage", "--config-file", conf, *command]
        subprocess.run(manage, check=True, capture_output=True)
    query = """
        SELECT n.namespace, n.visibility, p.name, p.json_schema, t.name, a.prefix
        FROM metadef_namespaces n
        JOIN metadef_properties p ON p.namespace_id = n.id
        JOIN metadef_namespace_resource_types a ON a.namespace_id = n.id
        JOIN metadef_resource_types t ON t.id = a.resource_type_id
    """
    with contextlib.closing(sqlite3.connect(database)) as connection:
        ((namespace, visibility, name, schema, resource, prefix),) = connection.execute(query)
    assert (namespace, visibility) == (NAMESPACE["namespace"], "public")
    assert {name: json.loads(schema)} == NAMESPACE["properties"]
    assert (resource, prefix + name) == ("OS::Nova::Flavor", EXTRA_SPEC)


def refusal_of(mask: str) -> MaskError | None:
    try:
        check_mask(mask)
    except MaskError as error:
        return error
    return None


@given(st.text(alphabet="0123456789,-^ \t+_a\u0663", max_size=14) | st.text(max_size=20))
@settings(deadline=None, max_examples=1000)
def test_its_pattern_is_the_grammar_except_for_what_an_expression_cannot_tell(mask: str) -> None:
    refusal = refusal_of(mask)
    is_malformed = refusal is not None and refusal.status is Status.MASK_INVALID
    if re.search(PROPERTY["pattern"], mask):
        assert not is_malformed or "runs backwards" in str(refusal)
    else:
        assert is_malformed
