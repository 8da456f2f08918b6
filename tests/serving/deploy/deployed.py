"""The deployment files, read as the programs read them that they are for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["DEPLOY", "dashboard_queries", "documents", "embedded_commands", "rule_queries", "series_in"]

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"


def documents(name: str) -> list[dict[str, Any]]:
    """Every document of a YAML file."""
    return [document for document in yaml.safe_load_all((DEPLOY / name).read_text()) if document]


def embedded_commands() -> dict[str, list[str]]:
    """The flags that each file starts the embedded server with."""
    dockerfile = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    (deployment,) = documents("kubernetes/deployment.yaml")
    (service,) = documents("kserve/inference-service.yaml")
    return {
        "Dockerfile": json.loads(re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[-1]),
        "Deployment": deployment["spec"]["template"]["spec"]["containers"][0]["args"],
        "InferenceService": service["spec"]["predictor"]["containers"][0]["args"],
    }


def rule_queries() -> dict[str, str]:
    """Expressions of the alert rules by name."""
    return {
        rule.get("alert") or rule["record"]: rule["expr"]
        for group in documents("prometheus/alerts.yml")[0]["groups"]
        for rule in group["rules"]
    }


def dashboard_queries() -> dict[str, str]:
    """Expressions of the dashboard's panels, variables and annotations by title."""
    dashboard = json.loads((DEPLOY / "grafana" / "emotion.json").read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    found |= {
        variable["name"]: variable["query"]["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    }
    return found | {note["name"]: note["expr"] for note in dashboard["annotations"]["list"]}


def series_in(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The server's series in a PromQL expression, each with the labels that its selector names."""
    for name, selector in re.findall(
        r"(?<![\w:])((?:emotion_serving_|:tensorflow:)[\w:]+)(?:\{([^}]*)\})?", expression
    ):
        yield name, set(re.findall(r"(\w+)\s*[=!]~?", selector))
