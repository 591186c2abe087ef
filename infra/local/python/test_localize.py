"""Tests of the localizer and of the deployment helper's pure parts: `python -m unittest` in this directory."""

import json
import os
import tempfile
import unittest
import zipfile
from io import BytesIO

os.environ.setdefault("AWS_DEFAULT_REGION", "ap-southeast-3")

import fleet
import localize

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: local}
  Secret: {Type: String}
Conditions:
  Cloud: !Not [!Equals [!Ref Stage, local]]
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
    Environment: {Variables: {STAGE: !Ref Stage}}
  HttpApi:
    CorsConfiguration: {AllowOrigins: ['https://shop.example'], AllowMethods: [GET]}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        Authorizers:
          Oidc:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: 'https://issuer.example', audience: [shop]}
  Cart:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/cart/
      Events:
        Read: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/cart/{id}', Method: GET}}
        Write: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/cart', Method: POST, Auth: {Authorizer: Oidc}}}
  Mailer:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: target/lambda/mailer}
  Proxy:
    Type: AWS::RDS::DBProxy
    Condition: Cloud
    Properties: {DBProxyName: p, EngineFamily: POSTGRESQL, RoleArn: x, Auth: [], VpcSubnetIds: []}
"""

LOCATIONS = {"Cart": "s3://code/cart-1.zip", "Mailer": "s3://code/mailer-1.zip"}


def localized(text=TEMPLATE):
    return localize.localize(localize.parse(text), LOCATIONS)


def of_type(plain, kind):
    return {name: r["Properties"] for name, r in plain["Resources"].items() if r["Type"] == kind}


class FunctionFolders(unittest.TestCase):
    def test_the_last_part_of_the_code_path_names_the_folder(self):
        self.assertEqual(localize.function_folders(localize.parse(TEMPLATE)), {"Cart": "cart", "Mailer": "mailer"})

    def test_inline_code_is_refused_by_name(self):
        template = localize.parse(TEMPLATE)
        template["Resources"]["Cart"]["Properties"]["CodeUri"] = {"Bucket": "b", "Key": "k"}
        with self.assertRaisesRegex(localize.LocalizeError, "Cart"):
            localize.function_folders(template)


class Localize(unittest.TestCase):
    def test_code_is_taken_from_where_it_was_uploaded(self):
        functions = of_type(localized(), "AWS::Lambda::Function")
        self.assertEqual(functions["Cart"]["Code"], {"S3Bucket": "code", "S3Key": "cart-1.zip"})
        self.assertEqual(functions["Cart"]["Environment"]["Variables"], {"STAGE": {"Ref": "Stage"}})

    def test_the_openapi_body_becomes_routes_that_share_an_integration(self):
        plain = localized()
        (api,) = of_type(plain, "AWS::ApiGatewayV2::Api").values()
        self.assertNotIn("Body", api)
        self.assertEqual(api["ProtocolType"], "HTTP")
        routes = of_type(plain, "AWS::ApiGatewayV2::Route").values()
        self.assertEqual({route["RouteKey"] for route in routes}, {"GET /cart/{id}", "POST /cart"})
        self.assertEqual(len(of_type(plain, "AWS::ApiGatewayV2::Integration")), 1)
        self.assertEqual(len({json.dumps(route["Target"]) for route in routes}), 1)

    def test_an_authorizer_guards_its_route_only(self):
        plain = localized()
        ((authorizer, properties),) = of_type(plain, "AWS::ApiGatewayV2::Authorizer").items()
        self.assertEqual(properties["AuthorizerType"], "JWT")
        self.assertEqual(properties["JwtConfiguration"], {"Issuer": "https://issuer.example", "Audience": ["shop"]})
        guarded = {
            route["RouteKey"]: route.get("AuthorizerId") for route in of_type(plain, "AWS::ApiGatewayV2::Route").values()
        }
        self.assertEqual(guarded, {"GET /cart/{id}": None, "POST /cart": {"Ref": authorizer}})

    def test_cors_keeps_the_spelling_the_emulator_reads(self):
        (api,) = of_type(localized(), "AWS::ApiGatewayV2::Api").values()
        self.assertEqual(api["CorsConfiguration"]["allowOrigins"], ["https://shop.example"])

    def test_the_api_has_the_id_the_front_door_knows(self):
        (api,) = of_type(localized(), "AWS::ApiGatewayV2::Api").values()
        self.assertEqual(api["Tags"]["ms-custom-id"], "gigglefest")

    def test_a_websocket_api_has_an_id_of_its_own(self):
        plain = localized(TEMPLATE + "  Ws: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: w, ProtocolType: WEBSOCKET}}\n")
        self.assertEqual(plain["Resources"]["Ws"]["Properties"]["Tags"], {"ms-custom-id": "gigglefest-ws"})

    def test_a_second_http_api_is_refused(self):
        with self.assertRaisesRegex(localize.LocalizeError, "a second HTTP API"):
            localized(TEMPLATE + "  Other: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: o, ProtocolType: HTTP}}\n")

    def test_cloud_only_resources_keep_their_condition(self):
        self.assertEqual(localized()["Resources"]["Proxy"]["Condition"], "Cloud")

    def test_paths_that_differ_in_punctuation_get_different_logical_ids(self):
        paths = ["/a/{b}", "/a/b", "/a-b", "/a_b", "/ab", "/a/{b+}", "$default"]
        self.assertEqual(len({localize._route_suffix(path) for path in paths}), len(paths))


class Parameters(unittest.TestCase):
    DECLARED = {"Stage": {"Type": "String", "Default": "local"}, "Secret": {"Type": "String"}}

    def test_only_declared_ones_are_passed(self):
        self.assertEqual(fleet.choose_parameters(self.DECLARED, {"Secret": "s", "Unknown": "u"}), {"Secret": "s"})

    def test_a_missing_one_is_named(self):
        with self.assertRaisesRegex(fleet.FleetError, "Secret"):
            fleet.choose_parameters(self.DECLARED, {"Stage": "local"})


class Packages(unittest.TestCase):
    def test_the_binary_is_executable_and_the_package_reproducible(self):
        package = fleet.zipped(b"program")
        self.assertEqual(package, fleet.zipped(b"program"))
        entry = zipfile.ZipFile(BytesIO(package)).infolist()[0]
        self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o755))


class StateFile(unittest.TestCase):
    def test_a_damaged_file_counts_as_nothing_deployed(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "state.json")
            with open(path, "w") as file:
                file.write('{"code": ')
            state = fleet.State(path)
            self.assertEqual(state.content, {})
            state.content["code"] = {}
            state.save()
            self.assertEqual(fleet.State(path).content, {"code": {}})


if __name__ == "__main__":
    unittest.main()
