# SPDX-License-Identifier: Apache-2.0
"""Runs in Nova's own environment: its flavors API over a database in the folder that is given, without a web server.

Reads a JSON line [microversion, name, value], writes a JSON line [status, message]. Without a microversion it is
`nova.api.validation.extra_specs.validators.validate` alone that is asked, and its status is null.
"""

import json
import sys
from pathlib import Path

import webob
from nova import config, context, exception, objects
from nova.api import openstack
from nova.api.openstack.compute import routes
from nova.api.validation.extra_specs import validators
from nova.db import migration

CONF = """\
[DEFAULT]
transport_url = fake://
[database]
connection = sqlite:///{0}/main.sqlite
[api_database]
connection = sqlite:///{0}/api.sqlite
"""


def flavors_api(folder: Path) -> webob.dec.wsgify:
    path = folder / "nova.conf"
    path.write_text(CONF.format(folder))
    config.parse_args(["nova-api", "--config-file", str(path)])
    objects.register_all()
    migration.db_sync(database="api")
    sizes = {"memory_mb": 1024, "vcpus": 8, "root_gb": 1, "ephemeral_gb": 0, "swap": 0, "rxtx_factor": 1}
    objects.Flavor(context.get_admin_context(), name="nfv", flavorid="nfv", is_public=True, **sizes).create()
    return openstack.FaultWrapper(routes.APIRouterV21())


def post(api: webob.dec.wsgify, version: str, name: str, value: object) -> tuple[int, str]:
    request = webob.Request.blank("/flavors/nfv/os-extra_specs", method="POST")
    request.headers["OpenStack-API-Version"] = f"compute {version}"
    request.json = {"extra_specs": {name: value}}
    request.environ["nova.context"] = context.RequestContext("user", "project", is_admin=True, roles=["admin"])
    response = request.get_response(api)
    found = response.json
    return response.status_int, found["badRequest"]["message"] if "badRequest" in found else found["extra_specs"][name]


def validate(name: str, value: str) -> tuple[None, str | None]:
    try:
        validators.validate(name, value)
    except exception.ValidationError as error:
        return None, error.format_message()
    return None, None


api = flavors_api(Path(sys.argv[1]))
for line in sys.stdin:
    version, *spec = json.loads(line)
    print(json.dumps(post(api, version, *spec) if version else validate(*spec)), flush=True)
