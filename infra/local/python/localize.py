"""SAM template -> plain CloudFormation that the emulator understands.

The SAM transform itself is AWS's own (aws-sam-translator). On top of it this module does what the emulator lacks:

* the OpenAPI `Body` of an HTTP API becomes Integration, Route and Authorizer resources, because the emulator drops
  bodies. Intrinsics stay in the template, so stack updates keep working;
* an API gets a fixed id (`ms-custom-id`), so that URLs outlive a redeployment;
* CORS keys are written in camelCase, because the emulator never matches the PascalCase it is given.

Nothing is removed: resources that exist on AWS only stand behind a condition in the template.
"""

import json
import logging

from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# The transform counts its own use for its makers and warns when nobody collects the counts.
logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)

HTTP_API_ID = "gigglefest"
WEBSOCKET_API_ID = "gigglefest-ws"
ID_TAG = "ms-custom-id"


class LocalizeError(Exception):
    """The template uses something this module cannot carry over; the message names it."""


class _ManagedPolicies:
    """Names of AWS managed policies -> ARNs, from the copy that SAM ships (SAM would ask IAM otherwise)."""

    def load(self):
        return get_bundled_managed_policy_map("aws") or {}


def parse(text):
    """Template text -> dictionary, with CloudFormation's short tags (`!Ref`) in their long form."""
    return yaml_parse(text)


def function_folders(template):
    """Logical id -> folder name of each SAM function: `target/lambda/cart/` is `cart`."""
    inherited = template.get("Globals", {}).get("Function", {}).get("CodeUri")
    folders = {}
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        uri = resource["Properties"].get("CodeUri", inherited)
        if not isinstance(uri, str):
            raise LocalizeError(f"{logical_id}: CodeUri must be a path like target/lambda/<name>/, found {uri!r}")
        folders[logical_id] = uri.rstrip("/").rsplit("/", 1)[-1]
    return folders


def localize(template, code_locations):
    """The plain template. `code_locations` gives the `s3://` URI of each function's zip by logical id.

    `template` is changed on the way; parse it again to use it once more.
    """
    for logical_id, uri in code_locations.items():
        template["Resources"][logical_id]["Properties"]["CodeUri"] = uri
    # The feature-toggle argument is left out; parameters keep their Refs, CloudFormation resolves them.
    plain = transform(template, {}, _ManagedPolicies())
    added = {}
    http_apis = 0
    for logical_id, resource in plain["Resources"].items():
        if resource["Type"] != "AWS::ApiGatewayV2::Api":
            continue
        properties = resource.setdefault("Properties", {})
        if properties.get("ProtocolType") == "WEBSOCKET":
            _pin_id(properties, WEBSOCKET_API_ID)
            continue
        http_apis += 1
        if http_apis > 1:
            raise LocalizeError(f"{logical_id}: a second HTTP API; the front door serves one")
        _pin_id(properties, HTTP_API_ID)
        if "Body" in properties:
            added.update(_expand_body(logical_id, properties, resource.get("Condition")))
    plain["Resources"].update(added)
    return plain


def _pin_id(properties, api_id):
    properties.setdefault("Tags", {})[ID_TAG] = api_id


def _expand_body(api, properties, condition):
    """The resources that an API's OpenAPI body stands for; takes the body out of `properties`."""
    body = properties.pop("Body")
    properties.pop("FailOnWarnings", None)
    properties.setdefault("ProtocolType", "HTTP")
    properties.setdefault("Name", body.get("info", {}).get("title", api))
    if "x-amazon-apigateway-cors" in body:
        properties["CorsConfiguration"] = body["x-amazon-apigateway-cors"]

    resources = {}

    def add(logical_id, kind, resource_properties):
        resource = {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": {"ApiId": {"Ref": api}, **resource_properties}}
        if condition:
            resource["Condition"] = condition
        resources[logical_id] = resource

    authorizers = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        extension = scheme.get("x-amazon-apigateway-authorizer")
        if extension:
            authorizers[name] = f"{api}Authorizer{_alphanumeric(name)}"
            add(authorizers[name], "Authorizer", {"Name": name, **_authorizer(extension)})

    integrations = {}
    for path, methods in body.get("paths", {}).items():
        for method, operation in methods.items():
            extension = isinstance(operation, dict) and operation.get("x-amazon-apigateway-integration")
            if not extension:
                continue
            content = json.dumps(extension, sort_keys=True, default=str)
            if content not in integrations:
                integrations[content] = f"{api}Integration{len(integrations)}"
                add(integrations[content], "Integration", _integration(extension))
            route = {
                "RouteKey": _route_key(method, path),
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integrations[content]}]]},
            }
            for requirement in operation.get("security", []):
                for name, scopes in requirement.items():
                    if name not in authorizers:
                        continue
                    kind = resources[authorizers[name]]["Properties"]["AuthorizerType"]
                    route["AuthorizerId"] = {"Ref": authorizers[name]}
                    route["AuthorizationType"] = "JWT" if kind == "JWT" else "CUSTOM"
                    if scopes:
                        route["AuthorizationScopes"] = scopes
            add(f"{api}Route{_alphanumeric(method.title())}{_route_suffix(path)}", "Route", route)
    return resources


def _integration(extension):
    properties = {
        "IntegrationType": extension["type"].upper(),
        "IntegrationUri": extension["uri"],
        "PayloadFormatVersion": extension.get("payloadFormatVersion", "2.0"),
    }
    if "timeoutInMillis" in extension:
        properties["TimeoutInMillis"] = extension["timeoutInMillis"]
    return properties


def _authorizer(extension):
    properties = _pascal_case(extension)
    kind = properties.pop("Type")
    properties["AuthorizerType"] = "JWT" if kind == "jwt" else "REQUEST"
    sources = properties.pop("IdentitySource", [])
    properties["IdentitySource"] = [sources] if isinstance(sources, str) else sources
    if "JwtConfiguration" in properties:
        properties["JwtConfiguration"] = _pascal_case(properties["JwtConfiguration"])
    return properties


def _pascal_case(mapping):
    return {key[0].upper() + key[1:]: value for key, value in mapping.items()}


def _route_key(method, path):
    if path == "$default":
        return path
    return f"{'ANY' if method.startswith('x-') else method.upper()} {path}"


def _alphanumeric(text):
    return "".join(c for c in text if c.isalnum())


def _route_suffix(path):
    """A logical id's part for a path. Letters alone would make `/a/{b}` and `/a/b` the same id."""
    return "".join(c if c.isalnum() else {"/": "S", "{": "B", "}": "", "+": "P", "-": "D", "_": "U", "$": "X"}.get(c, f"Z{ord(c)}") for c in path)


def main():
    """`localize.py template.yaml`: says whether the template goes through the SAM transform and this module."""
    import os
    import sys

    os.environ.setdefault("AWS_DEFAULT_REGION", "ap-southeast-3")
    with open(sys.argv[1]) as file:
        template = parse(file.read())
    try:
        folders = function_folders(template)
        plain = localize(template, {logical_id: f"s3://code/{name}.zip" for logical_id, name in folders.items()})
    except LocalizeError as error:
        sys.exit(str(error))
    except InvalidDocumentException as error:
        sys.exit("\n".join(cause.message for cause in error.causes))
    routes = sum(resource["Type"] == "AWS::ApiGatewayV2::Route" for resource in plain["Resources"].values())
    print(f"{len(folders)} functions, {routes} routes, {len(plain['Resources'])} resources")


if __name__ == "__main__":
    main()
