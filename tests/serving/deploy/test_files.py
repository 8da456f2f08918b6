"""What the deployment files say of the server is true of it."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.batching_parameters import read_batching_settings
from serving.config import ServerConfig
from serving.flags import parse_flags
from tests.serving.deploy.deployed import DEPLOY, documents, embedded_commands, rule_queries

KUBERNETES = "1.34"
MANIFESTS = [
    (path.name, number, document)
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    if path.name != "kustomization.yaml"  # read by another program
    for number, document in enumerate(documents(f"kubernetes/{path.name}"))
]


@pytest.mark.parametrize("name", embedded_commands())
def test_the_server_takes_the_flags(name: str) -> None:
    config = parse_flags(embedded_commands()[name])
    assert (config.model_name, config.port, config.rest_api_port) == ("emotion", 8500, 8501)
    for file in (config.monitoring_config_file, config.batching_parameters_file):
        assert file is not None
        assert (DEPLOY / "config" / file.relative_to("/config")).is_file()


def test_tensorflow_serving_pads_no_padding_mask_with_ones() -> None:
    """It would, by the first element of an input; the file is for both servers."""
    assert not read_batching_settings(DEPLOY / "config" / "batching.txt").pad_variable_length_inputs


@pytest.mark.parametrize(("name", "number", "document"), MANIFESTS)
def test_manifests_fit_the_schema(name: str, number: int, document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_kustomize_applies_every_manifest() -> None:
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    assert set(kustomization["resources"]) == {name for name, _, _ in MANIFESTS}


def test_the_autoscaler_goes_by_the_queue_only_where_that_is_asked_for() -> None:
    (autoscaler,) = documents("kubernetes/autoscaler.yaml")
    (component,) = documents("kubernetes/queue-scaling/kustomization.yaml")
    (adapter,) = documents("kubernetes/queue-scaling/prometheus-adapter.yaml")
    assert [metric["type"] for metric in autoscaler["spec"]["metrics"]] == ["Resource"]
    (patch,) = component["patches"]
    assert (patch["target"]["kind"], patch["target"]["name"]) == (
        autoscaler["kind"],
        autoscaler["metadata"]["name"],
    )
    (added,) = yaml.safe_load(patch["patch"])
    assert (added["op"], added["path"]) == ("add", "/spec/metrics/-")
    autoscaler["spec"]["metrics"].append(added["value"])
    kubernetes_validate.validate(autoscaler, KUBERNETES, strict=True)
    series = added["value"]["pods"]["metric"]["name"]
    (rule,) = adapter["rules"]["custom"]
    assert rule["seriesQuery"].startswith(f"{series}{{")
    (job,) = documents("prometheus/kubernetes.yml")[0]["scrape_configs"]
    assert set(rule["resources"]["overrides"]) <= {
        relabel.get("target_label") for relabel in job["relabel_configs"]
    }


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH")
@pytest.mark.parametrize("components", [[], ["queue-scaling"]])
def test_kustomize_makes_manifests_that_fit_the_schema(components: list[str], tmp_path: Path) -> None:
    directory = shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    content = yaml.safe_dump({**kustomization, "components": components})
    (directory / "kustomization.yaml").write_text(content)
    made = subprocess.run(["kubectl", "kustomize", directory], capture_output=True, text=True, check=True)
    found = list(yaml.safe_load_all(made.stdout))
    for document in found:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    (autoscaler,) = (one for one in found if one["kind"] == "HorizontalPodAutoscaler")
    assert len(autoscaler["spec"]["metrics"]) == 1 + len(components)


def test_the_guide_builds_the_image_that_the_manifests_name() -> None:
    guide = (DEPLOY.parents[1] / "docs" / "deploying.md").read_text()
    (image,) = documents("kubernetes/kustomization.yaml")[0]["images"]
    (service,) = documents("kserve/inference-service.yaml")
    name = f"{image['newName']}:{image['newTag']}"
    assert (image["name"], name) == (
        pod()[1]["image"],
        service["spec"]["predictor"]["containers"][0]["image"],
    )
    for command in ("docker build .* -t ", "docker push ", f"set image {image['name']}="):
        assert re.search(rf"^.*{command}registry\.example\.com/{name}\b", guide, re.MULTILINE), command
    assert f"s|{name}|registry.example.com/{name}|" in guide


def pod() -> tuple[dict[str, Any], dict[str, Any]]:
    (deployment,) = documents("kubernetes/deployment.yaml")
    spec = deployment["spec"]["template"]["spec"]
    return spec, spec["containers"][0]


def graces() -> Iterator[tuple[str, float, ServerConfig]]:
    """Seconds that each orchestrator waits before it kills, and what the server is told."""
    commands = {name: parse_flags(flags) for name, flags in embedded_commands().items()}
    (service,) = documents("kserve/inference-service.yaml")
    (compose,) = documents("docker-compose.yaml")
    yield "Deployment", pod()[0]["terminationGracePeriodSeconds"], commands["Deployment"]
    kserve = service["spec"]["predictor"]["terminationGracePeriodSeconds"]
    yield "InferenceService", kserve, commands["InferenceService"]
    stop = compose["services"]["embedded"]["stop_grace_period"]
    yield "docker-compose", float(stop.removesuffix("s")), commands["Dockerfile"]


def test_nobody_kills_a_server_that_drains() -> None:
    for name, seconds, config in graces():
        assert seconds >= config.lame_duck_seconds + config.grace_seconds, name


def test_ports_and_probes_are_the_servers() -> None:
    spec, container = pod()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "rest"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "rest"}
    labels = spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    for service in documents("kubernetes/service.yaml"):
        assert service["spec"]["selector"] == labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    for upstream in ("nginx/nginx.conf", "envoy/envoy.yaml"):
        named = re.findall(r"server:(\d+)|port_value: (850\d)", (DEPLOY / upstream).read_text())
        assert sorted("".join(found) for found in named) == ["8500", "8501"], upstream


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_prometheus_scrapes_the_job_that_the_rules_ask_for(name: str) -> None:
    (job,) = documents(f"prometheus/{name}")[0]["scrape_configs"]
    assert f'up{{job="{job["job_name"]}"}}' in rule_queries()["EmotionServerDown"]
    monitoring = (DEPLOY / "config" / "monitoring.txt").read_text()
    assert f'path: "{job["metrics_path"]}"' in monitoring


def test_prometheus_finds_the_pods_and_their_rest_ports() -> None:
    (job,) = documents("prometheus/kubernetes.yml")[0]["scrape_configs"]
    (namespace,) = job["kubernetes_sd_configs"][0]["namespaces"]["names"]
    (service,) = documents("kserve/inference-service.yaml")
    assert documents("kubernetes/kustomization.yaml")[0]["namespace"] == namespace
    assert service["metadata"]["namespace"] == namespace
    kept = re.compile(job["relabel_configs"][0]["regex"])
    for container in (pod()[1], service["spec"]["predictor"]["containers"][0]):
        ports = [port["containerPort"] for port in container["ports"] if kept.fullmatch(port["name"])]
        assert ports == [8501]


def test_containers_can_write_nowhere_and_become_nobody() -> None:
    (service,) = documents("kserve/inference-service.yaml")
    for container in (pod()[1], service["spec"]["predictor"]["containers"][0]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_the_image_is_not_roots() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"]
    for service in documents("docker-compose.yaml")[0]["services"].values():
        assert service["read_only"] is True


def pinned(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_the_image_holds_what_is_tested_and_nothing_of_the_pipeline() -> None:
    root = DEPLOY.parents[1]
    image, tested = pinned(DEPLOY / "requirements.lock"), pinned(root / "requirements.lock")
    assert image.items() <= tested.items(), "run `make lock`"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = {
        extra: {re.split(r"[=<>\[]", need)[0] for need in extras[extra]}
        for extra in ("pipeline", "serving", "signing")
    }
    # TensorFlow itself asks for this one.
    assert names["pipeline"] & set(image) <= {"charset-normalizer"}
    assert names["serving"] | names["signing"] | {"ai-edge-litert"} <= set(image)
    core = {re.split(r"[=<>\[]", need)[0] for need in project["dependencies"]}
    assert not core & names["pipeline"]
