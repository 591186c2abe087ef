"""What `cargo xtask` does through the AWS API of the emulator, as subcommands. Input is one JSON object on standard
input, the answer one JSON object on standard output; what a person should read goes to standard error.

    deploy    localize template.yaml, upload changed functions, create or update the stack
    update    keeps running: one function name a line, puts the new binary of it in place
    invoke    one direct call of a function
    env       the environment that the functions are configured with

The configuration object has: endpoint, region, template (path), binaries (directory that holds <name>), state (path
of the file that remembers the deployment), stack, parameters (values offered to the template).
"""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import localize
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

CODE_BUCKET = "gigglefest-code"


class FleetError(Exception):
    """A failure with a message for the person at the terminal."""


class Aws:
    """Clients of the emulator."""

    def __init__(self, config):
        session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=config["region"]
        )
        settings = Config(retries={"max_attempts": 1}, read_timeout=900, connect_timeout=5)
        options = {"endpoint_url": config["endpoint"], "config": settings}
        self.s3 = session.client("s3", **options)
        self.cloudformation = session.client("cloudformation", **options)
        self.function = session.client("lambda", **options)


class State:
    """What is deployed, kept in a file: physical names, and what each binary looked like when it was uploaded."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path) as file:
                self.content = json.load(file)
        except (FileNotFoundError, ValueError):
            self.content = {}

    def save(self):
        temporary = f"{self.path}.new"
        with open(temporary, "w") as file:
            json.dump(self.content, file, indent=1)
        os.replace(temporary, self.path)


def stripped(path):
    """The binary without debug information: a fifth of the size, so uploads and starts are quicker. Panic messages
    keep their file and line. Without `strip` on the machine the binary goes as it is."""
    tool = shutil.which("strip")
    if tool is None:
        with open(path, "rb") as file:
            return file.read()
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "bootstrap")
        subprocess.run([tool, "--strip-all", "-o", target, path], check=True)
        with open(target, "rb") as file:
            return file.read()


def zipped(binary):
    """A deployment package. Stored, not deflated: it never leaves the machine. Fixed dates keep it reproducible."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, binary)
    return buffer.getvalue()


def signature(path):
    status = os.stat(path)
    return [status.st_mtime_ns, status.st_size, status.st_ino]


class Code:
    """Uploads the functions' binaries, each content once."""

    def __init__(self, aws, state, binaries):
        self.aws = aws
        self.known = state.content.setdefault("code", {})
        self.binaries = binaries
        self.uploaded = []
        self.replaced = []

    def uri(self, name):
        """The `s3://` URI of the current binary of a function, uploaded if the bucket lacks it."""
        path = os.path.join(self.binaries, name)
        if not os.path.exists(path):
            raise FleetError(f"{path} does not exist: template.yaml names the function {name}, nothing built it")
        now = signature(path)
        known = self.known.get(name)
        if known and known["signature"] == now and self._exists(known["key"]):
            return f"s3://{CODE_BUCKET}/{known['key']}"
        binary = stripped(path)
        key = f"{name}-{hashlib.sha256(binary).hexdigest()[:20]}.zip"
        if not self._exists(key):
            self.aws.s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=zipped(binary))
            self.uploaded.append(name)
        if known and known["key"] != key:
            self.replaced.append(known["key"])
        self.known[name] = {"signature": now, "key": key}
        return f"s3://{CODE_BUCKET}/{key}"

    def forget_replaced(self):
        """Deletes what no function runs any more: the emulator keeps the bucket in memory."""
        for key in self.replaced:
            if key not in (code["key"] for code in self.known.values()):
                self.aws.s3.delete_object(Bucket=CODE_BUCKET, Key=key)

    def _exists(self, key):
        try:
            self.aws.s3.head_object(Bucket=CODE_BUCKET, Key=key)
            return True
        except ClientError:
            return False


def ensure_bucket(aws):
    try:
        aws.s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.s3.meta.region_name})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


def deploy(config):
    aws, state = Aws(config), State(config["state"])
    ensure_bucket(aws)
    with open(config["template"]) as file:
        template = localize.parse(file.read())
    folders = localize.function_folders(template)
    code = Code(aws, state, config["binaries"])
    with ThreadPoolExecutor() as pool:
        locations = dict(zip(folders, pool.map(code.uri, folders.values())))
    state.save()
    declared = template.get("Parameters", {})
    parameters = choose_parameters(declared, config["parameters"])
    plain = localize.localize(template, locations)
    body = json.dumps(plain, default=str)
    aws.s3.put_object(Bucket=CODE_BUCKET, Key="template.json", Body=body.encode())
    arguments = {
        "StackName": config["stack"],
        "TemplateURL": f"{config['endpoint']}/{CODE_BUCKET}/template.json",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    }
    outcome = apply_stack(aws.cloudformation, arguments)
    code.forget_replaced()
    describe_deployment(aws, config, state, folders)
    state.save()
    return {
        "outcome": outcome,
        "uploaded": code.uploaded,
        "websocket": state.content["websocket"],
    }


def choose_parameters(declared, offered):
    """The offered values that the template declares; an undeclared one would fail the deployment."""
    chosen = {name: str(value) for name, value in offered.items() if name in declared}
    missing = [name for name, p in declared.items() if "Default" not in p and name not in chosen]
    if missing:
        raise FleetError(
            f"template.yaml has parameters without default that the local fleet has no value for: {', '.join(missing)}. "
            "Give them a Default or a value in infra/local/src/settings.rs"
        )
    return chosen


def apply_stack(cloudformation, arguments):
    name = arguments["StackName"]
    status = stack_status(cloudformation, name)
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"):
        cloudformation.delete_stack(StackName=name)
        wait_for_stack(cloudformation, name)
        status = None
    try:
        if status is None or status == "DELETE_COMPLETE":
            cloudformation.create_stack(**arguments)
        else:
            cloudformation.update_stack(**arguments)
    except ClientError as error:
        if "No updates" in str(error):
            return "unchanged"
        raise FleetError(f"the stack was refused: {error.response['Error']['Message']}") from error
    final = wait_for_stack(cloudformation, name)
    if final not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise FleetError(f"the stack ended as {final}:\n{failures(cloudformation, name)}")
    return "created" if final == "CREATE_COMPLETE" else "updated"


def stack_status(cloudformation, name):
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError:
        return None


def wait_for_stack(cloudformation, name):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        status = stack_status(cloudformation, name)
        if status is None or not status.endswith("IN_PROGRESS"):
            return status
        time.sleep(0.05)
    raise FleetError("the stack did not settle within five minutes")


def failures(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    lines = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    ]
    return "\n".join(lines) or "  no failed resource is recorded"


def describe_deployment(aws, config, state, folders):
    resources = {}
    paginator = aws.cloudformation.get_paginator("list_stack_resources")
    for page in paginator.paginate(StackName=config["stack"]):
        for resource in page["StackResourceSummaries"]:
            resources[resource["LogicalResourceId"]] = resource
    # By their names without that of the stack: one binary may be deployed as several functions.
    physical = {logical_id: resources[logical_id]["PhysicalResourceId"] for logical_id in folders if logical_id in resources}
    names = {logical_id: name.removeprefix(config["stack"] + "-") for logical_id, name in physical.items()}
    state.content["functions"] = {names[logical_id]: name for logical_id, name in physical.items()}
    state.content["folders"] = {names[logical_id]: folders[logical_id] for logical_id in physical}
    stack = aws.cloudformation.describe_stacks(StackName=config["stack"])["Stacks"][0]
    state.content["outputs"] = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
    websocket = [r for r in resources.values() if r["PhysicalResourceId"] == localize.WEBSOCKET_API_ID]
    stages = [
        r["PhysicalResourceId"].rsplit("/", 1)[-1].rsplit("|", 1)[-1]
        for r in resources.values()
        if r["ResourceType"] == "AWS::ApiGatewayV2::Stage" and "$default" not in r["PhysicalResourceId"]
    ]
    state.content["websocket"] = f"{localize.WEBSOCKET_API_ID}/{stages[0]}" if websocket and stages else None


def update(config):
    """Serves a line per function: {"function": name} -> {"function": name, "seconds": s} or {"error": text}."""
    aws = Aws(config)
    ensure_bucket(aws)
    for line in sys.stdin:
        name = json.loads(line)["function"]
        started = time.monotonic()
        try:
            state = State(config["state"])
            replace_code(aws, state, config, name)
            state.save()
            answer = {"function": name, "seconds": round(time.monotonic() - started, 3)}
        except (ClientError, FleetError, OSError, subprocess.CalledProcessError) as error:
            answer = {"function": name, "error": str(error)}
        print(json.dumps(answer), flush=True)


def replace_code(aws, state, config, name):
    functions, folders = state.content.get("functions", {}), state.content.get("folders", {})
    deployed = [physical for function, physical in functions.items() if folders.get(function, function) == name]
    if not deployed:
        raise FleetError(f"{name} is not deployed: add it to template.yaml and run `cargo xtask up`")
    code = Code(aws, state, config["binaries"])
    key = code.uri(name).rsplit("/", 1)[-1]
    for physical in deployed:
        aws.function.update_function_code(FunctionName=physical, S3Bucket=CODE_BUCKET, S3Key=key)
        aliases = aws.function.list_aliases(FunctionName=physical)["Aliases"]
        if aliases:
            version = aws.function.publish_version(FunctionName=physical)["Version"]
            for alias in aliases:
                aws.function.update_alias(FunctionName=physical, Name=alias["Name"], FunctionVersion=version)
    code.forget_replaced()


def invoke(config):
    aws, state = Aws(config), State(config["state"])
    name = config["function"]
    physical = state.content.get("functions", {}).get(name)
    if physical is None:
        known = ", ".join(sorted(state.content.get("functions", {}))) or "none; run `cargo xtask up`"
        raise FleetError(f"no function {name} is deployed (there are: {known})")
    answer = aws.function.invoke(FunctionName=physical, Payload=config["payload"].encode(), LogType="Tail")
    payload = answer["Payload"].read().decode()
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    return {"payload": payload, "error": answer.get("FunctionError"), "log": log}


def env(config):
    """Variables by function; the caller merges them and tells about differences."""
    aws, state = Aws(config), State(config["state"])
    answer = {}
    for name, physical in state.content.get("functions", {}).items():
        configuration = aws.function.get_function_configuration(FunctionName=physical)
        answer[name] = configuration.get("Environment", {}).get("Variables", {})
    return answer


COMMANDS = {"deploy": deploy, "update": update, "invoke": invoke, "env": env}


def isolate(region):
    """Nothing of the person's own AWS set-up may matter here; the SAM transform reads the region from there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_DEFAULT_REGION=region, AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


def main():
    command = COMMANDS[sys.argv[1]]
    config = json.loads(sys.stdin.readline())
    isolate(config["region"])
    try:
        answer = command(config)
    except (FleetError, localize.LocalizeError) as error:
        sys.exit(str(error))
    except ClientError as error:
        sys.exit(f"the AWS emulator refused {error.operation_name}: {error.response['Error'].get('Message')}")
    except localize.InvalidDocumentException as error:
        sys.exit("template.yaml is not valid SAM:\n" + "\n".join(f"  {cause.message}" for cause in error.causes))
    except (EndpointConnectionError, ConnectTimeoutError):
        sys.exit(f"nothing answers at {config['endpoint']}: is the fleet up? (`cargo xtask status`)")
    if answer is not None:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
