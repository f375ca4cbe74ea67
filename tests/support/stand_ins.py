"""Stand-ins for programs that need a cluster or an engine: helm, kubectl, docker, kind.

    python stand_ins.py FOLDER helm upgrade --install gateway deploy/helm/sluicegate --values v.yml

`support.shell` puts them first on the PATH of a page; docs/README.md says what they do. What can be
done offline is the real program's. For the rest each checks what can be checked: options by the
real program's help, names by what was installed and applied before it, files by reading them. It
prints nothing then, and ends with 1 and a reason where something is wrong.

FOLDER holds `cluster.json`, what there is so far, and `ports.json`, what ports of the page stand
for. Where a page talks to a gateway in the cluster, `standing_gateway` runs one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.offline_cluster import KINDS, Cluster, Manifest, Wrong, need
from support.standing_gateway import Deployed, fall, stand

Options = list[tuple[str, str]]

PROGRAMS = ("helm", "kubectl", "docker", "kind")
OFFLINE_HELM = {"template", "lint", "package", "show", "version", "dependency"}
PAIRS = {"rollout", "create", "config", "set", "top", "auth"}
TRIPLES = (["create", "secret"], ["create", "service"])
"""Commands of kubectl of two and of three words."""
ANYBODY = {"node", "event", "endpointslice"}
"""Kinds that a cluster makes by itself: their names are not looked at."""
OF_NODES = {"cordon", "drain", "uncordon"}
COMPOSE = {
    "up": {"--build", "--detach", "--wait", "--force-recreate"},
    "down": {"--volumes"},
    "exec": {"--no-TTY"},
    "run": {"--rm", "--no-TTY"},
    "logs": {"--follow"},
    "ps": set(),
    "kill": set(),
    "start": set(),
}
"""Options of docs.docker.com/reference/cli/docker/compose that pages use; none takes a value."""


# --- words and options ----------------------------------------------------------------------------


def printed(*command: str) -> str:
    """Return what a command printed. Raises Wrong with what it said, where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    need(done.returncode == 0, done.stderr + done.stdout)
    return done.stdout


def real(program: str) -> str:
    """Return the path of the real program."""
    return str(Path(sys.executable).parent / program)


def known_options(program: str, *command: str) -> dict[str, bool]:
    """Return what the program's help says: option → whether a value follows it."""
    text = printed(real(program), *command, "--help")
    named = " ".join((program, *command))
    need(f"  {named} " in text, f"there is no command {named}")
    if program == "kubectl":
        found = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)=(.*):$", text, re.MULTILINE)
        found.append(("-n", "--namespace", "''"))  # of `kubectl options`, for all commands
    else:
        found = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)(?: (\w+)\S*)? ", text, re.MULTILINE)
    values = {}
    for short, long, kind in found:
        values[long] = kind not in ("", "true", "false")
        values[short] = values[long]
    return values


def split(arguments: Sequence[str], known: dict[str, bool]) -> tuple[list[str], Options]:
    """Return words and options. Raises Wrong where one is not known."""
    words: list[str] = []
    options: Options = []
    rest = iter(arguments)
    for each in rest:
        name, equals, value = each.partition("=")
        if not each.startswith("-") or each == "-":
            words.append(each)
            continue
        need(name in known, f"there is no option {name}")
        options.append((name, value if equals or not known[name] else next(rest)))
    return words, options


# --- the programs ---------------------------------------------------------------------------------


def helm(cluster: Cluster, arguments: list[str]) -> None:
    """Render for `install` and `upgrade`; know releases for the others."""
    command, *rest = arguments
    if command in OFFLINE_HELM:
        os.execv(real("helm"), ["helm", *arguments])
    words, options = split(rest, known_options("helm", command))
    release, *more = words
    asked = dict(options)
    is_there = release in cluster.releases
    if command == "install" or (command == "upgrade" and "--install" in asked and not is_there):
        need(not is_there, f"there is a release {release} already")
    else:
        need(is_there, f"there is no release {release}")
    if command in ("install", "upgrade"):
        _render(cluster, release, more, options)
    elif command == "rollback":
        revisions = cluster.releases[release]
        need(0 < int(more[0]) <= len(revisions), f"there is no revision {more[0]}")
        revisions.append(revisions[int(more[0]) - 1])
    elif command == "test":
        events = [
            e["metadata"].get("annotations", {}).get("helm.sh/hook") for e in cluster.objects()
        ]
        need("test" in events, "the release has no test")
    elif command == "uninstall":
        del cluster.releases[release]
        fall(cluster.folder)
    else:
        need(command in ("history", "status"), f"helm {command}: nothing stands for it")


def _render(cluster: Cluster, release: str, words: list[str], options: Options) -> None:
    takes = known_options("helm", "template")
    passed = [
        f"{name}={value}" if takes[name] else name for name, value in options if name in takes
    ]
    unknown = {name for name, _ in options} - takes.keys() - {"--install"}
    need(not unknown, f"nothing stands for {unknown}")
    before = cluster.releases.setdefault(release, [])
    again = ["--is-upgrade"] if before else []
    namespace = dict(options).get("--namespace", cluster.namespace)
    if not any(name == "--namespace" for name, _ in options):
        passed.append(f"--namespace={namespace}")
    text = printed(real("helm"), "template", release, *words, *passed, *again)
    made = [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]
    kept = {each["metadata"]["name"]: each for each in (before[-1] if before else [])
            if each["kind"] == "Secret" or each["metadata"]["name"] == "gateway-ca"}  # fmt: skip
    for each in made:  # as `lookup` finds them in a cluster
        old = kept.get(each["metadata"]["name"], {}).get("data", {})
        if each["kind"] == "Secret" or old:
            each["data"] |= old
    before.append(made)


def kubectl(cluster: Cluster, arguments: list[str]) -> None:
    """Keep what is applied; look for what is named."""
    if {"--dry-run=client", "--local", "--client"} & {*arguments}:
        os.execv(real("kubectl"), ["kubectl", *arguments])
    at = arguments.index("--") if "--" in arguments else len(arguments)
    arguments, inside = arguments[:at], arguments[at + 1 :]
    command = arguments[: 1 + (arguments[0] in PAIRS) + (arguments[:2] in TRIPLES)]
    words, options = split(arguments[len(command) :], known_options("kubectl", *command))
    asked = dict(options)
    namespace = asked.get("--namespace") or asked.get("-n") or cluster.namespace
    if command[0] in OF_NODES:
        need(words, "expected a node")
    elif command[0] == "config":
        cluster.namespace = namespace
    elif command[0] == "create":
        made = printed(real("kubectl"), *arguments, "--dry-run=client", "--output=json")
        _apply(cluster, made, namespace)
    elif command[0] == "apply":
        file = asked.get("--filename") or asked["-f"]
        _apply(cluster, sys.stdin.read() if file == "-" else Path(file).read_text(), namespace)
    elif command[0] == "port-forward":
        _named(cluster, words[:1], namespace)
        cluster.write()
        ports = [int(word.partition(":")[0]) for word in words[1:]]
        stand(_deployed(cluster, namespace), serve=ports)
    else:
        found = _named(cluster, words, namespace)
        if command[0] == "get" and found and (output := asked.get("--output") or asked.get("-o")):
            _show(cluster, found, output)
        if command[0] == "exec" and inside[0] == "sluicegate":
            stand(_deployed(cluster, namespace), run=inside)
        if command[0] == "delete" and found:
            cluster.applied = [each for each in cluster.applied if each != found]


def _apply(cluster: Cluster, text: str, namespace: str) -> None:
    import kubernetes_validate  # noqa: PLC0415 - takes half a second

    for each in yaml.load_all(text, Loader=yaml.CSafeLoader):
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=False)
        each["metadata"].setdefault("namespace", namespace)
        cluster.applied.append(each)


def _named(cluster: Cluster, words: list[str], namespace: str) -> Manifest | None:
    """Return the last object that is named. Raises Wrong where one of them is not there."""
    found = None
    pairs = [word.split("/") for word in words if "/" in word]
    plain = [word for word in words if "/" not in word]
    pairs += [[plain[0], name] for name in plain[1:]] if plain else []
    if plain and not pairs:
        kinds = [kind.removesuffix("s") for kind in plain[0].split(",")]
        unknown = [kind for kind in kinds if kind not in {*KINDS, *KINDS.values(), *ANYBODY}]
        need(not unknown or plain[0].startswith("valkey-"), f"no kind of things: {unknown}")
    for kind, name in pairs:
        if kind.removesuffix("s") not in ANYBODY:
            found = cluster.find(kind, name, namespace)
            need(found, f"there is no {kind} {name} in {namespace}")
    return found


def _show(cluster: Cluster, found: Manifest, output: str) -> None:
    file = cluster.folder / "object.json"
    file.write_text(json.dumps(found))
    command = ("annotate", "--local", "--filename", str(file), "nothing-", "--output", output)
    sys.stdout.write(printed(real("kubectl"), *command))


def _deployed(cluster: Cluster, namespace: str) -> Deployed:
    """Return what a pod of the Deployment `gateway` has: its configuration, environment, files."""

    def data(kind: str, name: str) -> dict[str, str]:
        found = cluster.find(kind, name, namespace)
        need(found, f"a pod would not start: there is no {kind} {name}")
        assert found is not None
        if kind == "configmap":
            return dict(found["data"])
        file = cluster.folder / "secret.json"
        file.write_text(json.dumps(found))
        template = '{{range $k, $v := .data}}{{$k}}={{$v | base64decode | printf "%q"}}\n{{end}}'
        command = ("annotate", "--local", "--filename", str(file), "nothing-", "--output")
        text = printed(real("kubectl"), *command, f"go-template={template}")
        pairs = [line.partition("=") for line in text.splitlines()]
        return {key: json.loads(value) for key, _, value in pairs}

    pod = cluster.find("deployment", "gateway", namespace)
    need(pod, f"there is no deployment gateway in {namespace}")
    assert pod is not None
    spec = pod["spec"]["template"]["spec"]
    env = {}
    for each in spec["containers"][0]["env"]:
        reference = each.get("valueFrom", {}).get("secretKeyRef")
        value = (
            data("secret", reference["name"]).get(reference["key"]) if reference else each["value"]
        )
        need(value is not None, f"a pod would not start: {reference} is not there")
        env[each["name"]] = str(value)
    volumes = {}
    for each in spec["volumes"]:
        if "secret" in each:
            volumes[each["name"]] = data("secret", each["secret"]["secretName"])
        elif "configMap" in each:
            volumes[each["name"]] = data("configmap", each["configMap"]["name"])
    files = {
        f"{mount['mountPath']}/{name}": text
        for mount in spec["containers"][0]["volumeMounts"]
        for name, text in volumes.get(mount["name"], {}).items()
    }
    return Deployed(cluster.folder, env, files)


def docker(cluster: Cluster, arguments: list[str]) -> None:
    """Read the files that are named; `compose up` starts a gateway."""
    command, *rest = arguments
    if command == "build":
        asked = {"--file": True, "--tag": True, "--build-arg": True}
        words, options = split(rest, asked)
        need(Path(dict(options)["--file"]).is_file(), "there is no such Containerfile")
        need(len(words) == 1, "expected one folder to build from")
        return
    if command in ("push", "tag"):
        return
    need(command == "compose", f"docker {command}: nothing stands for it")
    file = Path("compose.yml")
    if rest[0] == "--file":
        file, rest = Path(rest[1]), rest[2:]
    services = yaml.safe_load(file.read_text())["services"]
    command, *rest = rest
    one_only = command in ("exec", "run")
    at = next((n for n, each in enumerate(rest) if not each.startswith("-")), len(rest))
    words, _ = split(rest[: at + 1] if one_only else rest, dict.fromkeys(COMPOSE[command], False))
    unknown = {*words} - services.keys()
    need(not unknown, f"no service is called {unknown}")
    if command == "down":
        fall(cluster.folder)
        return
    deployed = Deployed.of_compose(cluster.folder, file)
    if command == "up":
        stand(deployed)
    elif command == "exec" and words == ["gateway"] and rest[at + 1] == "sluicegate":
        stand(deployed, run=rest[at + 1 :])


def kind(cluster: Cluster, arguments: list[str]) -> None:
    """Know the cluster's name."""
    command, rest = arguments[:2], arguments[2:]
    words, options = split(rest, {"--config": True, "--name": True})
    asked = dict(options)
    if command == ["create", "cluster"]:
        made = yaml.safe_load(Path(asked["--config"]).read_text()) if "--config" in asked else {}
        cluster.kind_name = asked.get("--name") or made.get("name", "kind")
        return
    need(command in (["load", "docker-image"], ["delete", "cluster"]), f"no kind {command}")
    need(asked.get("--name", "kind") == cluster.kind_name, f"the cluster is {cluster.kind_name}")
    need(bool(words) == (command[0] == "load"), "expected an image")


STAND_INS: dict[str, Callable[[Cluster, list[str]], None]] = {
    "helm": helm, "kubectl": kubectl, "docker": docker, "kind": kind,
}  # fmt: skip


def main(folder: str, program: str, *arguments: str) -> int:
    """Stand for a program; returns its exit status."""
    cluster = Cluster.read(Path(folder))
    try:
        STAND_INS[program](cluster, list(arguments))
    except (Wrong, KeyError, OSError) as error:
        sys.stderr.write(f"{program}: {error!r}\n")
        return 1
    cluster.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
